"""Credits as entries of bundles in the internal topic of reporters, and as records of their own."""

from typing import Final

import msgspec

from streams.contract.events.internal.credit import CREDIT_TYPE, ReporterCredit
from streams.contract.wire.bundle import BundleForm
from streams.contract.wire.envelope import CE_TYPE
from streams.contract.wire.records import DetachedRecord, SourceRecord, in_place_of
from streams.contract.wire.topics import REPORTERS_INTERNAL

CREDITS: Final[BundleForm[ReporterCredit]] = BundleForm(
    REPORTERS_INTERNAL, "tocsin.credits.v1", ReporterCredit
)
"""To the home of their reporter. A decision about a message credits all who reported it."""

CREDIT_BYTES: Final = 100
"""About the size of an entry: two hashes, two times, two outcomes."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ReporterCredit).decode


def credit_record(credit: ReporterCredit, bundle: SourceRecord) -> DetachedRecord:
    """Return a credit as a record of its own in the place of its bundle, as version 0.2 wrote it."""
    key = f"{credit.reporter:016x}".encode()
    return in_place_of(bundle, key, _encode(credit), [(CE_TYPE, CREDIT_TYPE.encode())])


def decode_credit(value: bytes) -> ReporterCredit:
    """Decode the value of `credit_record`. Raises msgspec.DecodeError."""
    return _decode(value)
