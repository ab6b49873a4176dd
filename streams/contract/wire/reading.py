"""The one path by which an event is read from a record, whatever its type, or rejected with a reason.

The modules of `forms` whose names end with `_decoding` each declare the form of their event. Reports are by
far the most frequent, and reading them is a large part of a worker's CPU time; closures and `tuple.__new__`
below save some of it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec

from streams.contract.events.report import Category
from streams.contract.wire.dead_letter import WHOLE_VALUE, Rejected
from streams.contract.wire.envelope import CE_ID, CE_PREFIX, CE_SOURCE
from streams.contract.wire.incoming_envelope import open_envelope
from streams.contract.wire.nesting import MAX_BRACKETS, MAX_DEPTH, is_too_nested
from streams.contract.wire.personal_data import RefPaths, as_text, looks_like_email
from streams.contract.wire.records import HEADERS_DROPPED, MAX_HEADERS, NOT_UNPACKED, Headers, new_tuple
from streams.contract.wire.ref_search import personal_data_in_value
from streams.contract.wire.rejection import not_valid, rejection_of
from streams.contract.wire.suspicion import MOST_SEARCHED
from streams.contract.wire.times import EPOCH
from streams.contract.wire.valid_values import ValidValues, with_categories

# The largest report that the schema allows is below 8 KiB. The rest is room for fields of later versions and
# for base64 in an envelope; more would let one publisher fill a worker's memory and a fetch with a few
# records.
MAX_EVENT_BYTES = 64 * 1024

# Server clocks drift by seconds, phone clocks by minutes. A time further ahead would drag the partition's
# time along.
MAX_AHEAD_MS = 5 * 60 * 1000

# A record cannot have a billion headers: they would be longer than the largest batch.
_HEADER_DIGITS = 10

_MILLISECOND = timedelta(milliseconds=1)


Event = TypeVar("Event", bound=msgspec.Struct)


class Decoded(NamedTuple, Generic[Event]):
    """An event, its CloudEvent's `source` (empty for plain JSON), and its time in ms since the epoch."""

    event: Event
    ce_source: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class EventForm(Generic[Event]):
    """How events of one type are read.

    `type` is the CloudEvents type. `valid` describes the valid values by path, `refs` lists the paths of
    refs. `check` raises Rejected for faults that the decoder does not find. `time_field` is the field with
    the event's time; `optional_time_field` is a second time, held to the same limits, that may be null.
    `of_category`: the event's type has its categories as a parameter.
    """

    type: bytes
    decoder: msgspec.json.Decoder[Event]
    valid: ValidValues
    refs: RefPaths
    check: Callable[[Event], None]
    time_field: str
    optional_time_field: str | None = None
    of_category: bool = False


ReadEvent = Callable[[bytes | None, Headers, int], Decoded[Event]]


def event_reader(form: EventForm[Event], categories: Collection[Category] | None = None) -> ReadEvent[Event]:
    """Return the function that reads events of one form and rejects those outside of `categories`.

    Without `categories` it takes any, for what was checked before or is only shown. A closure, as loading the
    form's attributes and one more call for each report would cost 3 %.
    """
    decode, valid = _decoder_of(form, categories)
    check = form.check
    event_type, time_field, optional_time_field = form.type, form.time_field, form.optional_time_field

    def read_event(value: bytes | None, headers: Headers, append_time_ms: int) -> Decoded[Event]:
        """Read an event in any of the three forms: CloudEvents binary mode, structured mode, or plain JSON.

        `append_time_ms` is when the broker wrote the record, in milliseconds since the epoch. A `ce_` header
        must not occur twice; of any other one the last counts. Raises Rejected and nothing else, whatever the
        bytes and headers are, unless memory is short.
        """
        attributes = dict(headers)
        try:
            if not value or HEADERS_DROPPED in attributes:
                raise _not_read(headers)
            _check_text(value)
            if len(attributes) != len(headers):
                _check_repeated(headers)
            ce_source, data = open_envelope(value, attributes, event_type)
            if data is not value:
                # base64 hides bytes and brackets from the first check.
                _check_text(data)
            event = decode(data)
            check(event)
            latest = append_time_ms + MAX_AHEAD_MS
            moment: datetime = getattr(event, time_field)
            time_ms = (moment - EPOCH) // _MILLISECOND
            if not 0 <= time_ms <= latest:
                raise _untimely(time_field, moment, valid)
            if optional_time_field is not None:
                other: datetime | None = getattr(event, optional_time_field)
                if other is not None and not 0 <= (other - EPOCH) // _MILLISECOND <= latest:
                    raise _untimely(optional_time_field, other, valid)
            # Half the cost of the named tuple's own constructor.
            return new_tuple(Decoded, (event, ce_source, time_ms))
        except MemoryError:
            # Says nothing about the record: another worker, or this one later, can read it.
            raise
        except Exception as error:  # noqa: BLE001
            # A record must never stop the stream, so an unforeseen exception is a rejection as well. `from
            # None`: the decoder's exceptions quote the record and must not reach a log.
            raise _rejection(form, rejection_of(error, valid), value, headers) from None

    return read_event


def _decoder_of(
    form: EventForm[Event], categories: Collection[Category] | None
) -> tuple[Callable[[bytes], Event], ValidValues]:
    """The function that decodes an event of one of the categories, and what is valid in it."""
    if categories is None or not form.of_category:
        return form.decoder.decode, form.valid
    shape: Any = form.decoder.type
    decoder = msgspec.json.Decoder(shape[Literal[tuple(categories)]])
    return decoder.decode, with_categories(form.valid, "category", categories)


def _check_repeated(headers: Headers) -> None:
    """Raise Rejected for a CloudEvent attribute that occurs twice: readers could take either value."""
    seen = set()
    for name, _ in headers:
        if name in seen and name.startswith(CE_PREFIX):
            raise Rejected("bad_envelope", name, "Must occur once; it occurs several times.")
        seen.add(name)


def _not_read(headers: Headers) -> Rejected:
    if headers is NOT_UNPACKED:
        return Rejected(
            "bad_batch",
            WHOLE_VALUE,
            "The record's batch could not be unpacked; a batch may unpack to at most 16 MiB.",
        )
    attributes = dict(headers)
    if HEADERS_DROPPED in attributes:
        return _too_many_headers(attributes[HEADERS_DROPPED] or b"")
    return Rejected("empty", WHOLE_VALUE, "Must be an event in JSON; the record has no value.")


def _too_many_headers(number: bytes) -> Rejected:
    # A publisher can write this header, too.
    found = number.decode() if number.isdigit() and len(number) < _HEADER_DIGITS else "more"
    return Rejected("oversized", "headers", f"Must be at most {MAX_HEADERS} headers; the record has {found}.")


def _check_text(text: bytes) -> None:
    """Raise Rejected if `text` is too long or nested too deep, UnicodeDecodeError if it is not UTF-8."""
    if len(text) > MAX_EVENT_BYTES:
        raise Rejected("oversized", WHOLE_VALUE, f"Must be at most {MAX_EVENT_BYTES} bytes.")
    if not text.isascii():
        # The decoder skips unknown fields without validating their bytes.
        text.decode()
    if is_too_nested(text):
        raise too_deep()


def too_deep() -> Rejected:
    """Why a value with too many brackets is refused."""
    return Rejected(
        "too_deep",
        WHOLE_VALUE,
        f"Must be nested at most {MAX_DEPTH} levels deep and have at most {MAX_BRACKETS} brackets.",
    )


def _untimely(field: str, moment: datetime, valid: ValidValues) -> Rejected:
    """The rejection of a time before 1970 or too far in the future."""
    # Milliseconds since the epoch are never negative here, and some times in the year 1 have no equivalent in
    # UTC.
    if moment < EPOCH:
        return not_valid("invalid_time", field, valid)
    return Rejected(
        "future_timestamp",
        field,
        f"Must be at most {MAX_AHEAD_MS // 60_000} minutes after the broker wrote the record.",
    )


def _rejection(form: EventForm[Event], rejected: Rejected, value: bytes | None, headers: Headers) -> Rejected:
    """`rejected`, or `pii_detected` if a ref or the envelope holds personal data, which must not be kept.

    What is too large is not searched: its dead letter keeps nothing of it.
    """
    if value and len(value) > MOST_SEARCHED:
        return rejected
    # Not as a dict: a header may occur several times.
    field = next((name for name, content in headers if _is_address(name, content)), None)
    if field is None and value:
        field = personal_data_in_value(value, form.refs)
    if field is None:
        return rejected
    return Rejected(
        "pii_detected",
        field,
        "Must be a pseudonym, not an e-mail address, a telephone number or the number of a card or bank "
        "account.",
    )


def _is_address(name: str, content: bytes | None) -> bool:
    return name in (CE_SOURCE, CE_ID) and looks_like_email(as_text(content or b""))
