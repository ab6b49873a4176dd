"""Encodes and decodes corrections of a partition's time: records of the internal topics."""

import msgspec

from streams.contract.events.internal.time_correction import TIME_CORRECTION_TYPE, TimeCorrection
from streams.contract.wire.envelope import own_headers
from streams.contract.wire.own_events import own_event_decoder
from streams.contract.wire.records import Headers


def encode_time_correction(correction: TimeCorrection) -> tuple[bytes, Headers]:
    """The value and headers of a correction."""
    headers = own_headers(TIME_CORRECTION_TYPE, f"{correction.wrong_ms}-to-{correction.clock_ms}")
    return msgspec.json.encode(correction), headers


decode_time_correction = own_event_decoder(TIME_CORRECTION_TYPE, TimeCorrection)
"""The correction in a record; None for any other record and for one that cannot be read."""
