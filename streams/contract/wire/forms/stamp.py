"""The stamp of a report, in a header of the record that takes it to its channel."""

from typing import Final

import msgspec

from streams.contract.events.internal.stamp import ReportStamp, TrustClass
from streams.contract.wire.records import Headers

STAMP_HEADER: Final = "tocsin-stamp"

_SIGNATURE_BYTES: Final = 64
_SIGNATURE: Final = ReportStamp._fields.index("signature")

# Increase this when older workers cannot read what newer ones write.
STAMP_VERSION: Final = b"\x01"

_encode = msgspec.msgpack.Encoder().encode
# As in ReportStamp, with the signature as bytes: msgpack's integers end at 64 bits.
_Stored = tuple[TrustClass, float, float, float, float, bool, bool, bytes, int]
_decode = msgspec.msgpack.Decoder(_Stored).decode


def encode_stamp(stamp: ReportStamp) -> bytes:
    """Return the value of the header."""
    signature = stamp.signature
    packed = signature.to_bytes(_SIGNATURE_BYTES, "little") if signature else b""
    return STAMP_VERSION + _encode((*stamp[:_SIGNATURE], packed, stamp.needed))


def read_stamp(headers: Headers) -> ReportStamp | None:
    """Return the stamp in the headers of a record that Tocsin wrote, None without one.

    Never call it for a record of a publisher, who could forge the header. Raises ValueError for a stamp that
    a newer version wrote.
    """
    for name, value in headers:
        if name == STAMP_HEADER:
            return _read(value)
    return None


def _read(value: bytes) -> ReportStamp:
    if value[:1] != STAMP_VERSION:
        raise ValueError(f"a stamp has version {value[:1]!r}, this version reads {STAMP_VERSION!r}")
    stored = _decode(memoryview(value)[1:])
    signature = int.from_bytes(stored[7], "little")
    return ReportStamp(
        stored[0], stored[1], stored[2], stored[3], stored[4], stored[5], stored[6], signature, stored[8]
    )
