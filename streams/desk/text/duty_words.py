"""A duty in words: what it asks, of which law, on what its row rests, and why no clock of it runs."""

import re
from collections.abc import Mapping
from typing import Final

from streams.contract.events.authority_routing import PossiblePenalty
from streams.contract.events.clock import ClockMarks
from streams.contract.events.obligation import AppliedObligation, NotArmedReason, Signed
from streams.registry.obligation import Action, Obligation

_ASKS: Final[Mapping[Action, str]] = {
    "remove": "remove",
    "geo_disable": "block there",
    "notify_authority": "tell the authority",
    "restrict_account": "restrict account",
    "preserve": "keep data",
    "acknowledge": "send receipt",
    "decide": "decide",
    "publish_statement": "give reasons",
    "produce_data": "hand over data",
    "escalate_internal": "look at it",
}

# The receipt of a report goes to its sender; of an order the authority, and whom it concerns, are told.
_FROM_REPORTERS: Final = ("user_report", "trusted_flagger_notice", "statutory_victim_request")

# Laws that are not known by what the registry's rows begin with.
_SHORT_LAWS: Final[Mapping[str, str]] = {
    "Regulation (EU) 2022/2065 (Digital Services Act)": "Digital Services Act",
    "Regulation (EU) 2021/784 (terrorist content online)": "Terrorist Content Regulation",
    "Regulation (EU) 2023/1543 (e-Evidence)": "e-Evidence Regulation",
    "IT (Intermediary Guidelines and Digital Media Ethics Code) Rules 2021": "IT Rules 2021",
    "Lei 15.211/2025 (ECA Digital)": "ECA Digital",
    "Act on reporting Internet child sexual abuse and exploitation material (S.C. 2011, c. 4)": (
        "Act on reporting child abuse material"
    ),
}
_TAIL: Final = re.compile(r" \((?:[^()]|\([^()]*\))*\)$")

NOT_ARMED: dict[NotArmedReason, str] = {
    "trigger_not_met": "another event starts it, such as an order or a reviewer's finding",
    "elements_missing": "the notice lacks elements that the law requires",
    "unverified": "its row in the registry is marked unverified",
    "no_duration": "the law sets no fixed time limit",
    "no_holiday_calendar": "no source defines which days are holidays",
    "retention": "it says what data to keep, not what action to take",
}
"""Why no legal clock of a duty runs."""

_ADVISORY = "its time or dates are known from secondary sources only"


def what_it_asks(duty: Obligation) -> str:
    """What a duty asks, in two or three words such as `send receipt`."""
    if duty.meaning == "not_before":
        return "wait"
    if duty.action == "acknowledge" and duty.trigger not in _FROM_REPORTERS:
        return "confirm"
    return _ASKS[duty.action]


def law_name(duty: Obligation) -> str:
    """The law of a duty by its short name, such as `Digital Services Act`."""
    return _SHORT_LAWS.get(duty.instrument) or _TAIL.sub("", duty.instrument)


def duty_title(duty: Obligation) -> str:
    """A duty by title and law, as in `Confirm receipt of a notice (Digital Services Act, art. 16(4))`."""
    return f"{duty.title} ({law_name(duty)}, {duty.article})"


def why_no_clock(duty: AppliedObligation) -> str:
    """Why no clock of the duty runs; empty if one does."""
    if duty.advisory:
        return _ADVISORY
    return "" if duty.not_armed_reason is None else NOT_ARMED[duty.not_armed_reason]


def signature_words(signed: Signed | None) -> str:
    """Whether somebody signed the row for the platform."""
    return "unsigned" if signed is None else f"signed by {signed.by} on {signed.on}"


def penalty_words(penalty: PossiblePenalty) -> str:
    """What threatens whom if a duty is not fulfilled, as a sentence."""
    where = f" ({penalty.article})" if penalty.article else ""
    return f"If {penalty.obligation} is not fulfilled: {penalty.amount}; liable: {penalty.liable}{where}."


def marks_words(marks: ClockMarks | None) -> str:
    """How well the law behind a clock was read; empty if that is not known."""
    if marks is None:
        return ""
    dates = f"dates {marks.dates}"
    return dates if marks.time is None else f"time {marks.time}, {dates}"
