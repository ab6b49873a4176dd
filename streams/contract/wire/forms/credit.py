"""Credits as records of the internal topic of reporters."""

import msgspec

from streams.contract.events.internal.credit import CREDIT_TYPE, ReporterCredit
from streams.contract.wire.envelope import CE_TYPE
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.topics import REPORTERS_INTERNAL

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ReporterCredit).decode


def credit_record(credit: ReporterCredit) -> OutputRecord:
    """The record that brings a credit to the home of its reporter."""
    key = f"{credit.reporter:016x}".encode()
    return OutputRecord(REPORTERS_INTERNAL, None, key, _encode(credit), [(CE_TYPE, CREDIT_TYPE.encode())])


def decode_credit(value: bytes) -> ReporterCredit:
    """Decode the value of `credit_record`. Raises msgspec.DecodeError."""
    return _decode(value)
