"""The enriched report: the report without its reporter's pseudonym, and what was found out about it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from streams.counting.counts import Measures
from streams.counting.windows import WindowSpec
from streams.events.enriched_report import ChannelWindow, PublicReport, PublicReporter, Risk, Source
from streams.events.report import MessageReport
from streams.law.duty import applied
from streams.law.resolution import Resolved
from streams.reports.rules import MILLION, CompiledRules
from streams.wire.encoding import encode
from streams.wire.origin import Origin

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class PreparedReport(msgspec.Struct, frozen=True, gc=False):
    """An `EnrichedReport` with its law as JSON that was made once for all reports alike: the same bytes for less.

    Fields and their order are those of EnrichedReport.
    """

    report: PublicReport
    jurisdictions: msgspec.Raw
    obligations: msgspec.Raw
    routing: msgspec.Raw
    rule_of_law: msgspec.Raw
    dsa_category: str
    dsa_keywords: msgspec.Raw
    risk: Risk
    channel_windows: tuple[ChannelWindow, ...]
    counted: bool
    not_counted_reason: Literal["late"] | None
    policy_version: str
    registry_version: str
    source: Source


def enriched_json(
    rules: CompiledRules,
    report: MessageReport,
    occurred_ms: int,
    origin: Origin,
    resolved: Resolved,
    risk: Risk,
    windows: Sequence[WindowSpec],
    measured: Sequence[Measures],
    *,
    counted: bool,
) -> bytes:
    """JSON of the enriched report; `measured` are the counts of `windows` after it was applied."""
    obligations = resolved.obligations_json
    if obligations is None:
        received = received_ms(report, occurred_ms)
        duties = tuple(applied(duty, rules.rules, received) for duty in resolved.duties)
        obligations = msgspec.Raw(encode(duties))
    dsa_category, dsa_keywords = rules.dsa[report.category]
    return encode(
        PreparedReport(
            public_report(report),
            resolved.jurisdictions_json,
            obligations,
            resolved.routing_json,
            resolved.rule_of_law_json,
            dsa_category,
            dsa_keywords,
            risk,
            tuple(map(channel_window, windows, measured)),
            counted,
            None if counted else "late",
            rules.rules.policy_version,
            rules.rules.registry_version,
            Source(origin.topic, origin.partition, origin.offset),
        )
    )


def received_ms(report: MessageReport, occurred_ms: int) -> int:
    """When the platform received a report (ms since the epoch): that starts legal clocks."""
    received = report.received_at
    return occurred_ms if received is None else (received - _EPOCH) // _MILLISECOND


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
