"""Credits as records of the internal topic of reporters."""

import msgspec

from streams.events.credit import CREDIT_TYPE, ReporterCredit
from streams.wire.envelope import CE_TYPE
from streams.wire.records import Headers

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ReporterCredit).decode


def encode_credit(credit: ReporterCredit) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Return value and headers."""
    return _encode(credit), [(CE_TYPE, CREDIT_TYPE.encode())]


def is_credit(headers: Headers) -> bool:
    """Tell whether a record of the internal topic is a credit. It must have no origin: see origin.own_type."""
    return dict(headers).get(CE_TYPE) == CREDIT_TYPE.encode()


def decode_credit(value: bytes) -> ReporterCredit:
    """Decode the value of `encode_credit`. Raises msgspec.DecodeError."""
    return _decode(value)
