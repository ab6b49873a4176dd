"""Writes the registry's terms in words, for readers who know the law but not the program."""

from collections.abc import Mapping
from typing import get_args

from streams.contract.events.obligation import NotArmedReason
from streams.contract.wire.times import DAY, HOUR, MINUTE
from streams.deciding.law.duty import internal_target
from streams.registry.durations import parse_legal_duration
from streams.registry.obligation import DurationMeaning, Obligation, Trigger
from streams.registry.row_of_law import Marks, Part, WatchedRow
from streams.registry.rules import Rules

_UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1000, "second"))

_MEANINGS: Mapping[DurationMeaning, str] = {
    "deadline": "within",
    "retention": "keep for",
    "not_before": "not before the end of",
}

TRIGGER_WORDS: Mapping[Trigger, str] = {
    "authority_order": "an authority's order",
    "regulator_notice": "a regulator's notice",
    "data_order": "an authority's demand for data",
    "incomplete_order": "an authority's order that lacks something the law requires",
    "unvalidated_emergency_order": "an emergency order for data that was not validated before",
    "statutory_victim_request": "a request by the person concerned, in the statutory form",
    "trusted_flagger_notice": "a trusted flagger's notice",
    "user_report": "a notice by anyone",
    "actual_knowledge": "actual knowledge: someone has reviewed the content and confirmed the report",
    "awareness_threat": "awareness of a threat to someone's life or safety",
}


def duration_in_words(text: str) -> str:
    """`PT48H` as `48 hours`, `P1Y` as `1 year`."""
    months, milliseconds = parse_legal_duration(text)
    if months:
        years, rest = divmod(months, 12)
        return " ".join(_count(number, unit) for number, unit in ((years, "year"), (rest, "month")) if number)
    for unit_ms, unit in _UNITS:
        # A duration in hours stays in hours, as the law counts it: 48 hours are not always two days.
        if milliseconds % unit_ms == 0 and not (unit == "day" and "T" in text):
            return _count(milliseconds // unit_ms, unit)
    return text


def time_in_words(obligation: Obligation) -> str:
    """The time limit that the law sets, or the period to keep something."""
    parts = []
    if obligation.duration is not None:
        words = duration_in_words(obligation.duration)
        if obligation.calendar == "business_days":
            words = words.replace("day", "business day")
        if obligation.calendar == "regulation_1182_71":
            words += ", to the end of a working day (Regulation 1182/71)"
        parts.append(f"{_MEANINGS[obligation.meaning]} {words}")
    if obligation.standard is not None:
        parts.append(obligation.standard.replace("_", " "))
    return ", ".join(parts) or "none set by law"


def marks_in_words(marks: Marks) -> str:
    """How well each part was read, as in `time verified, dates secondary`."""
    parts = ((part, getattr(marks, part)) for part in get_args(Part))
    return ", ".join(f"{part} {mark}" for part, mark in parts if mark is not None)


def watched_in_words(row: WatchedRow) -> str:
    """Why a watched row is no duty."""
    if row.status == "in_force":
        return "nothing that reaches Tocsin starts it"
    return f"the law is not in force ({row.status.replace('_', ' ')})"


def clock_in_words(obligation: Obligation, not_armed: NotArmedReason | None, rules: Rules) -> str:
    """From when the legal clock runs; or why none runs, and the platform's internal target instead."""
    if not_armed is None:
        condition = "receipt"
        if obligation.required_elements:
            named = ", ".join(element.replace("_", " ") for element in obligation.required_elements)
            condition = f"receipt, if it contains: {named}"
        pauses = obligation.pausable_for
        paused = f"; can be paused for: {', '.join(pauses).replace('_', ' ')}" if pauses else ""
        if obligation.after_pause == "restarts":
            paused += ", and then begins anew"
        again = f", and anew from the fulfilment of {obligation.runs_from}" if obligation.runs_from else ""
        return f"runs from {condition}{again}{paused}"
    if not_armed == "retention":
        return "none, because this duty is to keep something, not to act"
    within = duration_in_words(internal_target(obligation, rules))
    if not_armed == "unverified" and obligation.advisory:
        return (
            "none, because its time or dates are known from secondary sources only; advisory: by the row it "
            f"would be due within {within}"
        )
    return f"none, {_why(obligation, not_armed)}; the platform's internal target is {within}"


def _why(obligation: Obligation, not_armed: NotArmedReason) -> str:
    reasons: Mapping[NotArmedReason, str] = {
        "trigger_not_met": f"because it needs {TRIGGER_WORDS[obligation.trigger].partition(':')[0]}",
        "unverified": "because this row is not verified",
        "no_duration": "because the law sets no fixed period",
        "no_holiday_calendar": "because it counts business days and the registry has no calendar of holidays",
        "elements_missing": "because an element that the law requires is missing",
    }
    return reasons[not_armed]


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"
