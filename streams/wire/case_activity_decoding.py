"""Reads an act on a case from the bytes and headers of a record of `case-activity`."""

from datetime import timedelta

import msgspec

from streams.events.case_activity import CASE_ACTIVITY_TYPE, ActivityKind, CaseActivity, CaseNote
from streams.events.clock_outcome import ClockSubject
from streams.events.desk_member import DeskRole
from streams.wire.dead_letter import WHOLE_VALUE, Rejected
from streams.wire.moderation_outcome_decoding import VALID_IN_FINDING, check_finding, check_ref
from streams.wire.personal_data import RefPaths
from streams.wire.reading import EventForm, event_reader
from streams.wire.rejection import not_valid
from streams.wire.valid_values import OBJECT, PSEUDONYM, REF, TIME, ValidValues, one_of, or_null

VALID_IN_ACTIVITY: ValidValues = {
    WHOLE_VALUE: OBJECT,
    "activity_id": REF,
    "escalation_id": REF,
    "channel_ref": PSEUDONYM,
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
    "proposed.clocks": "a list of at most 100 objects",
    "proposed.clocks[]": "an object with clock_id, subject, key and outcome",
    "proposed.clocks[].clock_id": REF,
    "proposed.clocks[].subject": one_of(ClockSubject),
    "proposed.clocks[].key": PSEUDONYM,
    "proposed.clocks[].outcome": "one of fulfilled, withdrawn",
    "proposed.supersedes": or_null(REF),
}

_AT_ONCE = timedelta()

_WITH_OUTCOME = ("outcome_proposed", "decided")


def _check_parts(activity: CaseActivity) -> None:
    """Raise Rejected unless the act has what its kind needs, and nothing that belongs to another kind."""
    parts = (
        ("until", activity.until, ("snoozed", "claimed"), activity.kind == "snoozed"),
        ("note", activity.note, ("noted",), activity.kind == "noted"),
        ("proposed", activity.proposed, _WITH_OUTCOME, activity.kind in _WITH_OUTCOME),
    )
    for path, part, kinds, needed in parts:
        if part is None and needed:
            raise Rejected("missing_field", path, f"Missing; must be {VALID_IN_ACTIVITY[path]}.")
        if part is not None and activity.kind not in kinds:
            raise Rejected(
                "invalid_value", path, f"Must be null or absent unless kind is {' or '.join(kinds)}."
            )


def _check(activity: CaseActivity) -> None:
    check_ref("activity_id", activity.activity_id, VALID_IN_ACTIVITY, counter=True)
    check_ref("escalation_id", activity.escalation_id, VALID_IN_ACTIVITY, counter=True)
    check_ref("channel_ref", activity.channel_ref, VALID_IN_ACTIVITY, counter=False)
    check_ref("actor.ref", activity.actor.ref, VALID_IN_ACTIVITY, counter=False)
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
        check_ref("proposed.supersedes", proposed.supersedes, VALID_IN_ACTIVITY, counter=True)
        for number, clock in enumerate(proposed.clocks):
            path = f"proposed.clocks[{number}]"
            check_ref(f"{path}.clock_id", clock.clock_id, VALID_IN_ACTIVITY, counter=True)
            check_ref(f"{path}.key", clock.key, VALID_IN_ACTIVITY, counter=clock.subject == "request")


FORM = EventForm(
    CASE_ACTIVITY_TYPE.encode(),
    msgspec.json.Decoder(CaseActivity),
    VALID_IN_ACTIVITY,
    # The refs within a proposal are two levels deep: as a whole, it is searched like any text.
    RefPaths(pseudonyms=("channel_ref", "actor.ref"), counters=("activity_id", "escalation_id", "proposed")),
    _check,
    time_field="at",
)

decode_case_activity = event_reader(FORM)
