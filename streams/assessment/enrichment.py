"""The enriched report: the report without its reporter's pseudonym, and what was found out about it."""

from streams.assessment.counts import Measures
from streams.assessment.policies import MILLION
from streams.assessment.windows import WindowSpec
from streams.events.enriched_report import ChannelWindow, PublicReport, PublicReporter
from streams.events.report import MessageReport


def public_report(report: MessageReport) -> PublicReport:
    """The report less the reporter's pseudonym."""
    reporter = report.reporter
    return PublicReport(
        report.report_id,
        report.kind,
        report.occurred_at,
        report.channel,
        report.category,
        report.received_at,
        report.message_ref,
        None
        if reporter is None
        else PublicReporter(reporter.kind, reporter.country, reporter.member, reporter.account_age),
        report.classifier,
        report.evidence,
        report.notice,
    )


def channel_window(spec: WindowSpec, measures: Measures) -> ChannelWindow:
    """A window's counts as they are published."""
    return ChannelWindow(
        spec.text,
        measures.reports,
        measures.distinct_reporters,
        measures.trusted_flaggers,
        measures.automated,
        measures.risk_millionths / MILLION,
    )
