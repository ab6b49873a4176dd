"""Reads what the stage of reporters needs of a report that the stage of reports has checked and passed on."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from streams.contract.events.report import REPORT_TYPE, Category, ReporterKind
from streams.contract.wire.envelope import CE_SOURCE, CONTENT_TYPE, JSON_CONTENT_TYPE
from streams.contract.wire.incoming_envelope import open_envelope
from streams.contract.wire.records import SourceRecord, new_tuple
from streams.contract.wire.times import epoch_ms


class _Channel(msgspec.Struct, gc=False):
    ref: str


class _Reporter(msgspec.Struct, gc=False):
    kind: ReporterKind
    member: bool | None = None


class _Report(msgspec.Struct, gc=False):
    report_id: str
    occurred_at: datetime
    channel: _Channel
    category: Category
    reporter: _Reporter
    received_at: datetime | None = None
    message_ref: str | None = None


class PassedReport(NamedTuple):
    """A report with a reporter's ref, as the stage of reporters needs it; times in ms since the epoch."""

    ce_source: str
    report_id: str
    occurred_ms: int
    received_ms: int
    channel_ref: str
    message_ref: str | None
    category: Category
    kind: ReporterKind
    member: bool | None


_decode = msgspec.json.Decoder(_Report).decode
_TYPE = REPORT_TYPE.encode()


def decode_passed_report(record: SourceRecord) -> PassedReport:
    """Return the report in a record of the internal topic of reporters that has an origin.

    Fields that the stage does not need are skipped. Raises msgspec.DecodeError or Rejected for a record that
    no worker wrote.
    """
    value = record.value or b""
    source = ""
    for name, content in record.headers:
        # The envelope was checked with the report.
        if name == CE_SOURCE:
            source = (content or b"").decode()
        elif name == CONTENT_TYPE and content != JSON_CONTENT_TYPE:
            source, value = open_envelope(value, dict(record.headers), _TYPE)
            break
    report = _decode(value)
    occurred = epoch_ms(report.occurred_at)
    received = report.received_at
    reporter = report.reporter
    return new_tuple(
        PassedReport,
        (
            source,
            report.report_id,
            occurred,
            occurred if received is None else epoch_ms(received),
            report.channel.ref,
            report.message_ref,
            report.category,
            reporter.kind,
            reporter.member,
        ),
    )
