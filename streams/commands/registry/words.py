"""The registry's terms in words, for people who know the law and not the program."""

from collections.abc import Mapping

from streams.events.obligation import NotArmedReason
from streams.law.duty import target
from streams.registry.durations import parse_legal_duration
from streams.registry.rules import Obligation, Rules, Trigger
from streams.wire.times import DAY, HOUR, MINUTE

_UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1000, "second"))

TRIGGERS: Mapping[Trigger, str] = {
    "authority_order": "an authority's order",
    "regulator_notice": "a regulator's notice",
    "data_order": "an authority's demand for data",
    "statutory_victim_request": "a request by the person concerned, in the form that the statute asks for",
    "trusted_flagger_notice": "a trusted flagger's notice",
    "user_report": "anybody's notice",
    "actual_knowledge": "knowledge: somebody has looked and found it right",
    "awareness_threat": "awareness of a threat to somebody's life or safety",
}


def duration_in_words(text: str) -> str:
    """`PT48H` as `48 hours`, `P1Y` as `1 year`."""
    months, milliseconds = parse_legal_duration(text)
    if months:
        years, rest = divmod(months, 12)
        return " ".join(_count(number, unit) for number, unit in ((years, "year"), (rest, "month")) if number)
    for unit_ms, unit in _UNITS:
        # Hours as the law counts them: 48 hours are not always two days.
        if milliseconds % unit_ms == 0 and not (unit == "day" and "T" in text):
            return _count(milliseconds // unit_ms, unit)
    return text


def time_in_words(obligation: Obligation) -> str:
    """How long the law gives."""
    parts = []
    if obligation.duration is not None:
        words = duration_in_words(obligation.duration)
        if obligation.calendar == "business_days":
            words = words.replace("day", "business day")
        parts.append(f"keep for {words}" if obligation.meaning == "retention" else f"within {words}")
    if obligation.standard is not None:
        parts.append(obligation.standard.replace("_", " "))
    return ", ".join(parts) or "the law names no time"


def clock_in_words(obligation: Obligation, not_armed: NotArmedReason | None, rules: Rules) -> str:
    """Whether a legal clock runs, when, and otherwise why not and what the platform sets itself."""
    if not_armed is None:
        condition = "receipt"
        if obligation.required_elements:
            named = ", ".join(element.replace("_", " ") for element in obligation.required_elements)
            condition = f"receipt, if there is: {named}"
        pauses = obligation.pausable_for
        paused = f"; it may stand still for: {', '.join(pauses).replace('_', ' ')}" if pauses else ""
        return f"runs from {condition}{paused}"
    if not_armed == "retention":
        return "none, because it says what must be kept, not done"
    within = duration_in_words(target(obligation, rules))
    return f"none, {_why(obligation, not_armed)}; the platform means to act within {within}"


def _why(obligation: Obligation, not_armed: NotArmedReason) -> str:
    reasons: Mapping[NotArmedReason, str] = {
        "trigger_not_met": f"it would take {TRIGGERS[obligation.trigger].partition(':')[0]}",
        "unverified": "because this row is not verified",
        "no_duration": "because the law names no number",
        "no_holiday_calendar": "because it counts business days and no source says which days are holidays",
        "elements_missing": "because something that the law asks for is missing",
    }
    return reasons[not_armed]


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"
