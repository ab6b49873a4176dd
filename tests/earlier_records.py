"""Records as version 0.2 wrote them to the internal topics: one for each report, in the form it was published."""

from typing import Any

import msgspec

from streams.contract.events.internal.stamp import ReportStamp
from streams.contract.wire.forms.report_decoding import decode_report
from streams.contract.wire.forms.stamp import STAMP_VERSION
from tests.bundled import stored_stamp
from streams.contract.wire.origin import with_origin
from streams.contract.wire.topics import REPORTERS_INTERNAL
from streams.deciding.partition.hash_key import HashKey


def encode_stamp(stamp: ReportStamp) -> bytes:
    """The value of the header `tocsin-stamp`."""
    return STAMP_VERSION + msgspec.msgpack.encode(stored_stamp(stamp)[:9])


def passed_on_singly(record: Any, key: HashKey) -> Any:
    """A published report on its way to its reporter's home."""
    reporter = decode_report(record.value, record.headers, record.timestamp).event.reporter
    hashed = key.reporter_hash(reporter.ref if reporter and reporter.ref else "")
    return record._replace(topic=REPORTERS_INTERNAL, key=b"%016x" % hashed, headers=with_origin(record))
