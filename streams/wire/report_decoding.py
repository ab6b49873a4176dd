"""From the bytes and headers of a record to a report, or to the reason why it is none."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from streams.events.report import MessageReport
from streams.wire.dead_letter import Rejected
from streams.wire.incoming_envelope import open_envelope
from streams.wire.nesting import MAX_DEPTH, is_deeper_than
from streams.wire.personal_data import personal_data_in_envelope, personal_data_in_value
from streams.wire.records import NOT_UNPACKED, Headers
from streams.wire.refs import check_refs
from streams.wire.rejection import WHOLE_VALUE, explain, not_valid

# The largest report that the schema allows is below 8 KiB. The rest is room for fields of later versions and for
# base64 in an envelope; more would let one publisher fill a worker's memory and a fetch with a few records.
MAX_REPORT_BYTES = 64 * 1024

# Clocks of servers drift by seconds, of phones by minutes. A time further ahead would drag the partition's time along.
MAX_AHEAD_MS = 5 * 60 * 1000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_new_tuple = tuple.__new__

_DECODER = msgspec.json.Decoder(MessageReport)


class DecodedReport(NamedTuple):
    """A report, the `source` of its CloudEvent (empty for plain JSON), and occurred_at in ms since the epoch."""

    report: MessageReport
    ce_source: str
    occurred_ms: int


def decode_report(value: bytes | None, headers: Headers, append_time_ms: int) -> DecodedReport:
    """Read a report in any of the three forms: CloudEvents binary or structured, or plain JSON.

    `append_time_ms` is when the broker wrote the record, in milliseconds since the epoch. Raises Rejected and nothing
    else, whatever the bytes and headers are. The last of several headers with one name counts.
    """
    attributes = dict(headers)
    try:
        if not value:
            raise nothing_to_read(attributes, "a report in JSON")
        check_text(value)
        ce_source, data = open_envelope(value, attributes)
        if data is not value:
            # base64 hides bytes and brackets from the first look.
            check_text(data)
        report = _DECODER.decode(data)
        check_refs(report)
        latest = append_time_ms + MAX_AHEAD_MS
        occurred_ms = (report.occurred_at - _EPOCH) // _MILLISECOND
        if not 0 <= occurred_ms <= latest:
            raise untimely("occurred_at", report.occurred_at)
        received_at = report.received_at
        if received_at is not None and not 0 <= (received_at - _EPOCH) // _MILLISECOND <= latest:
            raise untimely("received_at", received_at)
        # Half the price of the named tuple's own constructor.
        return _new_tuple(DecodedReport, (report, ce_source, occurred_ms))
    except Exception as error:  # noqa: BLE001
        # A record must never stop the stream, so what is not foreseen is refused as well. `from None`: the exceptions
        # of the decoder quote the record and must not reach a log.
        raise _rejection(explain(error), value, attributes) from None


def nothing_to_read(attributes: Mapping[str, bytes | None], wanted: str) -> Rejected:
    """The rejection of a record without a value, or of one that could not be got out of its batch."""
    if NOT_UNPACKED in attributes:
        return Rejected("bad_batch", WHOLE_VALUE, "Must be in a batch that unpacks, to at most 64 MiB.")
    return Rejected("empty", WHOLE_VALUE, f"Must be {wanted}, not an empty record.")


def check_text(text: bytes) -> None:
    """Raise Rejected if `text` is too long or nested too deep, UnicodeDecodeError if it is not UTF-8."""
    if len(text) > MAX_REPORT_BYTES:
        raise Rejected("oversized", WHOLE_VALUE, f"Must be at most {MAX_REPORT_BYTES} bytes.")
    if not text.isascii():
        # The decoder skips unknown fields without looking at their bytes.
        text.decode()
    if is_deeper_than(MAX_DEPTH, text):
        raise Rejected("too_deep", WHOLE_VALUE, f"Must be nested at most {MAX_DEPTH} levels deep.")


def untimely(field: str, moment: datetime) -> Rejected:
    """The rejection of a time that lies before 1970 or too far in the future."""
    if moment < _EPOCH:
        # Milliseconds since the epoch are never negative here, and years near 1 have no equivalent in UTC.
        return not_valid("invalid_time", field)
    return Rejected(
        "future_timestamp",
        field,
        f"Must be at most {MAX_AHEAD_MS // 60_000} minutes after the broker wrote the record.",
    )


def _rejection(rejected: Rejected, value: bytes | None, attributes: Mapping[str, bytes | None]) -> Rejected:
    # Whatever else is wrong: a dead letter must not keep an address or a number for a week.
    field = personal_data_in_envelope(attributes)
    if field is None and value:
        field = personal_data_in_value(value)
    if field is None:
        return rejected
    return Rejected(
        "pii_detected", field, "Must be a pseudonym, not an e-mail address or a telephone number."
    )
