"""Reads events other than reports by the rules of `decoding`, which is built for speed: reports are far more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

import msgspec

from streams.wire.dead_letter import Rejected
from streams.wire.incoming_envelope import open_envelope
from streams.wire.personal_data import RefPaths, personal_data_in_envelope, personal_data_in_value
from streams.wire.records import Headers
from streams.wire.rejection import explain
from streams.wire.report_decoding import MAX_AHEAD_MS, check_text, nothing_to_read, untimely

Event = TypeVar("Event", bound=msgspec.Struct)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class EventForm(Generic[Event]):
    """How events of one type are read.

    `type` is the CloudEvents type. `valid` says in words what is valid at each path, `refs` where refs stand. `check`
    raises Rejected for what the decoder does not see. `time_field` is the field with the event's time.
    """

    type: bytes
    decoder: msgspec.json.Decoder[Event]
    valid: Mapping[str, str]
    refs: RefPaths
    check: Callable[[Event], None]
    time_field: str


def read_event(
    form: EventForm[Event], value: bytes | None, headers: Headers, append_time_ms: int
) -> tuple[Event, str, int]:
    """The event, the `source` of its CloudEvent (empty for plain JSON), and its time in ms since the epoch.

    It may come as CloudEvents binary or structured, or as plain JSON. Raises Rejected and nothing else, whatever the
    bytes and headers are.
    """
    attributes = dict(headers)
    try:
        if not value:
            raise nothing_to_read(attributes, "an event in JSON")
        check_text(value)
        ce_source, data = open_envelope(value, attributes, form.type)
        if data is not value:
            # base64 hides bytes and brackets from the first look.
            check_text(data)
        event = form.decoder.decode(data)
        form.check(event)
        moment: datetime = getattr(event, form.time_field)
        time_ms = (moment - _EPOCH) // _MILLISECOND
        if not 0 <= time_ms <= append_time_ms + MAX_AHEAD_MS:
            raise untimely(form.time_field, moment)
        return event, ce_source, time_ms
    except Exception as error:  # noqa: BLE001
        # As for reports: a record never stops the stream, and what the decoder says quotes it.
        rejected = explain(error, form.valid)
    field = personal_data_in_envelope(attributes)
    if field is None and value:
        field = personal_data_in_value(value, form.refs)
    if field is not None:
        detail = "Must be a pseudonym, not an e-mail address or a telephone number."
        rejected = Rejected("pii_detected", field, detail)
    raise rejected
