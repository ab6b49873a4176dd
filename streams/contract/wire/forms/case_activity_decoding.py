"""Reads an act on a case from the bytes and headers of a record of `case-activity`."""

from datetime import timedelta

import msgspec

from streams.contract.events.case_activity import (
    CASE_ACTIVITY_TYPE,
    ActivityKind,
    CaseActivity,
    CaseNote,
    ClockClosing,
    IntegrityVerdict,
    ProposedAnswer,
    RequestAnswer,
)
from streams.contract.events.clock_outcome import ClockSubject
from streams.contract.events.desk_member import DeskRole
from streams.contract.wire.checked_refs import check_ref
from streams.contract.wire.dead_letter import WHOLE_VALUE, Rejected
from streams.contract.wire.forms.moderation_outcome_decoding import VALID_IN_FINDING, check_finding
from streams.contract.wire.personal_data import RefPaths
from streams.contract.wire.reading import EventForm, event_reader
from streams.contract.wire.rejection import not_valid
from streams.contract.wire.valid_values import OBJECT, PSEUDONYM, REF, TIME, ValidValues, one_of, or_null


def _valid_in_clocks(parent: str) -> ValidValues:
    return {
        f"{parent}.clocks": "a list of at most 100 objects",
        f"{parent}.clocks[]": "an object with clock_id, subject, key and outcome",
        f"{parent}.clocks[].clock_id": REF,
        f"{parent}.clocks[].subject": one_of(ClockSubject),
        f"{parent}.clocks[].key": PSEUDONYM,
        f"{parent}.clocks[].outcome": "one of fulfilled, withdrawn",
        f"{parent}.supersedes": or_null(REF),
    }


VALID_IN_ACTIVITY: ValidValues = {
    WHOLE_VALUE: OBJECT,
    "activity_id": REF,
    "escalation_id": f"{REF}; null or absent for another case",
    "channel_ref": f"{PSEUDONYM}; null or absent for another case",
    "request_id": f"{REF}; null or absent for another case",
    "integrity_case_id": f"{REF}; null or absent for another case",
    "kind": one_of(ActivityKind),
    "actor": "an object with ref and role",
    "actor.ref": PSEUDONYM,
    "actor.role": one_of(DeskRole),
    "at": TIME,
    "expected_version": "a whole number, 0 or more",
    "until": f"later than at: {TIME}",
    "note": or_null(one_of(CaseNote)),
    "proposed": "null or an object with decision, category, ground and reason",
    **{f"proposed.{path}": valid for path, valid in VALID_IN_FINDING.items()},
    "proposed.message_ref": or_null(PSEUDONYM),
    **_valid_in_clocks("proposed"),
    "proposed_answer": "null or an object with answer",
    "proposed_answer.answer": one_of(RequestAnswer),
    **_valid_in_clocks("proposed_answer"),
    "conclusion": "null or an object with verdict",
    "conclusion.verdict": one_of(IntegrityVerdict),
    "conclusion.supersedes": or_null(REF),
}

_AT_ONCE = timedelta()

_WITH_OUTCOME = ("outcome_proposed", "decided")
# By what each kind of case is named. Two people sign what is decided about content and for authorities alone.
_NAMES = {
    "integrity": ("integrity_case_id",),
    "request": ("request_id",),
    "escalation": ("escalation_id", "channel_ref"),
}
_OF_INTEGRITY = ("claimed", "released", "decided")


def _subject(activity: CaseActivity) -> str:
    """Which kind of case the act names: an escalation if it names none of the others."""
    if activity.integrity_case_id is not None:
        return "integrity"
    return "escalation" if activity.request_id is None else "request"


def _check_case(activity: CaseActivity) -> None:
    """Raise Rejected unless the act names one case: an escalation in its channel, or one of the others."""
    subject = _subject(activity)
    if subject == "integrity" and activity.kind not in _OF_INTEGRITY:
        raise Rejected("invalid_value", "kind", f"Must be {', '.join(_OF_INTEGRITY)} for an integrity case.")
    for path in (each for names in _NAMES.values() for each in names):
        needed, is_there = path in _NAMES[subject], getattr(activity, path) is not None
        if needed and not is_there:
            raise Rejected("missing_field", path, f"Missing; must be {VALID_IN_ACTIVITY[path]}.")
        if is_there and not needed:
            raise not_valid("invalid_value", path, VALID_IN_ACTIVITY)


def _check_parts(activity: CaseActivity) -> None:
    """Raise Rejected unless the act has what its kind needs, and nothing that belongs to another kind."""
    subject = _subject(activity)
    of_escalation = _WITH_OUTCOME if subject == "escalation" else ()
    of_request = _WITH_OUTCOME if subject == "request" else ()
    of_integrity = ("decided",) if subject == "integrity" else ()
    parts = (
        ("until", activity.until, ("snoozed", "claimed"), ("snoozed",)),
        ("note", activity.note, ("noted",), ("noted",)),
        ("proposed", activity.proposed, of_escalation, of_escalation),
        ("proposed_answer", activity.proposed_answer, of_request, of_request),
        ("conclusion", activity.conclusion, of_integrity, of_integrity),
    )
    for path, part, kinds, needed in parts:
        if part is None and activity.kind in needed:
            raise Rejected("missing_field", path, f"Missing; must be {VALID_IN_ACTIVITY[path]}.")
        if part is not None and activity.kind not in kinds:
            allowed = f" unless kind is {' or '.join(kinds)}" if kinds else " for this case"
            raise Rejected("invalid_value", path, f"Must be null or absent{allowed}.")


def _check(activity: CaseActivity) -> None:
    check_ref("activity_id", activity.activity_id, VALID_IN_ACTIVITY, counter=True)
    check_ref("escalation_id", activity.escalation_id, VALID_IN_ACTIVITY, counter=True)
    check_ref("channel_ref", activity.channel_ref, VALID_IN_ACTIVITY, counter=False)
    check_ref("request_id", activity.request_id, VALID_IN_ACTIVITY, counter=True)
    check_ref("integrity_case_id", activity.integrity_case_id, VALID_IN_ACTIVITY, counter=True)
    check_ref("actor.ref", activity.actor.ref, VALID_IN_ACTIVITY, counter=False)
    _check_case(activity)
    _check_parts(activity)
    if activity.until is not None and activity.until - activity.at <= _AT_ONCE:
        raise not_valid("invalid_time", "until", VALID_IN_ACTIVITY)
    if (proposed := activity.proposed) is not None:
        check_finding(
            "proposed.",
            proposed.decision,
            proposed.reason,
            proposed.ground,
            proposed.action,
            VALID_IN_ACTIVITY,
        )
        check_ref("proposed.message_ref", proposed.message_ref, VALID_IN_ACTIVITY, counter=False)
        _check_follow_ups("proposed", proposed.clocks, proposed.supersedes)
    if activity.conclusion is not None:
        check_ref("conclusion.supersedes", activity.conclusion.supersedes, VALID_IN_ACTIVITY, counter=True)
    if (answer := activity.proposed_answer) is not None:
        _check_follow_ups("proposed_answer", answer.clocks, answer.supersedes)
        _check_withdrawal(answer)


def _check_follow_ups(parent: str, clocks: tuple[ClockClosing, ...], supersedes: str | None) -> None:
    check_ref(f"{parent}.supersedes", supersedes, VALID_IN_ACTIVITY, counter=True)
    for number, clock in enumerate(clocks):
        path = f"{parent}.clocks[{number}]"
        check_ref(f"{path}.clock_id", clock.clock_id, VALID_IN_ACTIVITY, counter=True)
        check_ref(f"{path}.key", clock.key, VALID_IN_ACTIVITY, counter=clock.subject == "request")


def _check_withdrawal(answer: ProposedAnswer) -> None:
    """Raise Rejected for a clock that ends as fulfilled although the authority withdrew its request."""
    for number, clock in enumerate(answer.clocks):
        if answer.answer == "withdrawn" and clock.outcome != "withdrawn":
            path = f"proposed_answer.clocks[{number}].outcome"
            raise Rejected("invalid_value", path, "Must be withdrawn, as the answer is.")


FORM = EventForm(
    CASE_ACTIVITY_TYPE.encode(),
    msgspec.json.Decoder(CaseActivity),
    VALID_IN_ACTIVITY,
    # The refs within a proposal are two levels deep: as a whole, it is searched like any text.
    RefPaths(
        pseudonyms=("channel_ref", "actor.ref"),
        counters=(
            "activity_id",
            "escalation_id",
            "request_id",
            "integrity_case_id",
            "proposed",
            "proposed_answer",
            "conclusion",
        ),
    ),
    _check,
    time_field="at",
)

decode_case_activity = event_reader(FORM)
