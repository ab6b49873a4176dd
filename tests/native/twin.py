"""The stage of reports as it was before every report came from the stage of reporters.

The native core applies published reports directly, without a stamp, and counts no messages. Until it serves
all stages, this stage tells what it must write: that of today, in which a report at home is applied as it was
published.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

from streams.contract.wire.origin import Origin, is_internal
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import MESSAGE_REPORTS_INTERNAL, REPORT_SOURCES, ReportSource
from streams.deciding.partition.rekey import key_or_rekey
from streams.deciding.partition.stage import Handler
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.claims import check_claims
from streams.deciding.reports.handle import apply_once
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.stage import ReportStage, report_stage


def direct_report_stage(rules: ReportRules) -> ReportStage:
    """The stage of reports with these rules, with the native core if they ask for it."""
    stage = report_stage(rules)
    return replace(stage, handlers={**stage.handlers, **{name: _direct(name) for name in REPORT_SOURCES}})


@contextmanager
def no_messages() -> Iterator[None]:
    """Within it messages of reports without a reporter are not counted, as the native core counts none, nor
    what is new; and each of these reports adds its risk.
    """
    with (
        patch("streams.deciding.reports.apply.count_message"),
        patch("streams.deciding.reports.weighing.count_message"),
        patch("streams.deciding.reports.weighing.CROWD_KINDS", frozenset()),
        patch("streams.deciding.partition.newcomers.Newcomers.admit"),
    ):
        yield


def _direct(source: ReportSource) -> Handler:
    def handle_report(batch: ReportBatch, record: SourceRecord, origin: Origin) -> None:
        decoded = batch.rules.read_report(record.value, record.headers, origin.timestamp)
        report = decoded.event
        check_claims(batch.rules.registry.sources, source, report, decoded.ce_source)
        if not is_internal(record):
            batch.read(record.topic, decoded.time_ms)
        channel_key = key_or_rekey(batch, record, report.channel.ref, MESSAGE_REPORTS_INTERNAL)
        if channel_key is not None:
            apply_once(batch, channel_key, origin, decoded, None)

    return handle_report
