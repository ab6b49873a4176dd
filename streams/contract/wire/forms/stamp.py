"""The stamp of a report as it is stored on its way to the channel."""

from typing import Final

import msgspec

from streams.contract.events.internal.passed_report import StoredStamp
from streams.contract.events.internal.stamp import ReportStamp
from streams.contract.wire.records import Headers, new_tuple

STAMP_HEADER: Final = "tocsin-stamp"
"""Has the stamp in records that version 0.2 wrote: one for each report."""

_SIGNATURE_BYTES: Final = 64

STAMP_VERSION: Final = b"\x01"

_decode = msgspec.msgpack.Decoder(StoredStamp).decode


def stored_signature(signature: int) -> bytes:
    """Return the signature as it is stored in a stamp; most reporters have none."""
    return signature.to_bytes(_SIGNATURE_BYTES, "little") if signature else b""


def stamp_of(stored: StoredStamp) -> ReportStamp:
    """Return the stamp that was stored."""
    return new_tuple(ReportStamp, (*stored[:7], int.from_bytes(stored.signature, "little"), *stored[8:]))


def read_stamp(headers: Headers) -> ReportStamp | None:
    """Return the stamp in the headers of a record that a worker of version 0.2 wrote, None without one.

    Never call it for a record of a publisher, who could forge the header. Raises ValueError for a stamp of
    another version.
    """
    for name, value in headers:
        if name == STAMP_HEADER:
            return _read(value)
    return None


def _read(value: bytes) -> ReportStamp:
    if value[:1] != STAMP_VERSION:
        raise ValueError(f"a stamp has version {value[:1]!r}, this version reads {STAMP_VERSION!r}")
    return stamp_of(_decode(memoryview(value)[1:]))
