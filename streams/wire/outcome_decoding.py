"""From the bytes and headers of a record of `clock-outcomes` to the outcome, or to the reason why it is none."""

from typing import NamedTuple, get_args

import msgspec

from streams.events.clock_outcome import CLOCK_OUTCOME_TYPE, ClockOutcome, ClockSubject, Outcome
from streams.wire.personal_data import RefPaths, looks_like_phone
from streams.wire.reading import EventForm, read_event
from streams.wire.records import Headers
from streams.wire.refs import is_ref
from streams.wire.rejection import VALID, WHOLE_VALUE, not_valid

_REF = VALID["report_id"]
_VALID = {
    WHOLE_VALUE: VALID[WHOLE_VALUE],
    "outcome_id": _REF,
    "clock_id": _REF,
    "subject": "one of " + ", ".join(get_args(ClockSubject)),
    "key": VALID["channel.ref"],
    "outcome": "one of " + ", ".join(get_args(Outcome)),
    "occurred_at": VALID["occurred_at"],
    "reason": f"null or {_REF}",
}


class DecodedOutcome(NamedTuple):
    """An outcome, the `source` of its CloudEvent (empty for plain JSON), and occurred_at in ms since the epoch."""

    outcome: ClockOutcome
    ce_source: str
    occurred_ms: int


def decode_clock_outcome(value: bytes | None, headers: Headers, append_time_ms: int) -> DecodedOutcome:
    """Read an outcome in the forms in which a report may come, by the same rules (see decoding.decode_report).

    Raises Rejected and nothing else, whatever the bytes and headers are.
    """
    return DecodedOutcome(*read_event(_FORM, value, headers, append_time_ms))


def _check_refs(outcome: ClockOutcome) -> None:
    # A request's id may be a plain counter, a channel's ref may not.
    if outcome.subject == "report" and looks_like_phone(outcome.key):
        raise not_valid("pii_detected", "key", _VALID)
    refs = {
        "outcome_id": outcome.outcome_id,
        "clock_id": outcome.clock_id,
        "key": outcome.key,
        "reason": outcome.reason,
    }
    for path, ref in refs.items():
        if ref is not None and not is_ref(ref):
            raise not_valid("invalid_value", path, _VALID)


_FORM = EventForm(
    CLOCK_OUTCOME_TYPE.encode(),
    msgspec.json.Decoder(ClockOutcome),
    _VALID,
    RefPaths(pseudonyms=("key",), counters=("outcome_id", "clock_id", "reason")),
    _check_refs,
    "occurred_at",
)
