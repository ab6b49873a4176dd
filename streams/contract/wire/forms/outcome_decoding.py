"""Reads a clock's outcome from the bytes and headers of a record of `clock-outcomes`."""

import msgspec

from streams.contract.events.clock_outcome import CLOCK_OUTCOME_TYPE, ClockOutcome, ClockSubject, OutcomeKind
from streams.contract.wire.checked_refs import check_ref
from streams.contract.wire.dead_letter import WHOLE_VALUE
from streams.contract.wire.personal_data import RefPaths
from streams.contract.wire.reading import EventForm, event_reader
from streams.contract.wire.valid_values import OBJECT, PSEUDONYM, REF, TIME, ValidValues, one_of, or_null

VALID_IN_OUTCOME: ValidValues = {
    WHOLE_VALUE: OBJECT,
    "outcome_id": REF,
    "clock_id": REF,
    "subject": one_of(ClockSubject),
    "key": PSEUDONYM,
    "outcome": one_of(OutcomeKind),
    "occurred_at": TIME,
    "reason": or_null(REF),
    "actor": or_null(PSEUDONYM),
}


def _check_refs(outcome: ClockOutcome) -> None:
    # A request's id may be a plain counter; a channel's ref and an actor may not.
    key_is_counter = outcome.subject == "request"
    refs = {
        "outcome_id": outcome.outcome_id,
        "clock_id": outcome.clock_id,
        "key": outcome.key,
        "reason": outcome.reason,
        "actor": outcome.actor,
    }
    for path, ref in refs.items():
        counter = path != "actor" and (path != "key" or key_is_counter)
        check_ref(path, ref, VALID_IN_OUTCOME, counter=counter)


FORM = EventForm(
    CLOCK_OUTCOME_TYPE.encode(),
    msgspec.json.Decoder(ClockOutcome),
    VALID_IN_OUTCOME,
    RefPaths(pseudonyms=("key", "actor"), counters=("outcome_id", "clock_id", "reason")),
    _check_refs,
    time_field="occurred_at",
)

decode_clock_outcome = event_reader(FORM)
