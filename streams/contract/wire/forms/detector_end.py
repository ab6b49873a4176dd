"""An operator's decision about a detector that is held, as a record of the internal topic of reporters."""

import msgspec

from streams.contract.events.internal.detector_end import DETECTOR_END_TYPE, DetectorEnd
from streams.contract.wire.envelope import CE_TYPE
from streams.contract.wire.records import Headers

_encode = msgspec.json.Encoder().encode
decode_detector_end = msgspec.json.Decoder(DetectorEnd).decode
"""Decode the value of `encode_detector_end`. Raises msgspec.DecodeError."""


def encode_detector_end(end: DetectorEnd) -> tuple[bytes, Headers]:
    """The value and headers of a decision."""
    return _encode(end), [(CE_TYPE, DETECTOR_END_TYPE.encode())]
