"""Encodes and decodes corrections of a partition's time: records of the internal topics."""

import msgspec

from streams.events.time_correction import TIME_CORRECTION_TYPE, TimeCorrection
from streams.wire.envelope import own_headers
from streams.wire.origin import own_type
from streams.wire.records import Headers, SourceRecord

_TYPE_VALUE = TIME_CORRECTION_TYPE.encode()
_DECODER = msgspec.json.Decoder(TimeCorrection)


def encode_time_correction(correction: TimeCorrection) -> tuple[bytes, Headers]:
    """The value and headers of a correction."""
    headers = own_headers(TIME_CORRECTION_TYPE, f"{correction.wrong_ms}-to-{correction.clock_ms}")
    return msgspec.json.encode(correction), headers


def decode_time_correction(record: SourceRecord) -> TimeCorrection | None:
    """The correction in a record; None for any other record and for one that cannot be read."""
    if own_type(record) != _TYPE_VALUE:
        return None
    try:
        return _DECODER.decode(record.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
