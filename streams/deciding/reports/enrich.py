"""The enriched report: the report without its reporter's pseudonym, with its law, risk and window counts."""

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET

from streams.contract.events.enriched_report import (
    ChannelWindow,
    PublicReport,
    PublicReporter,
    ReporterTrust,
    Risk,
    Source,
    WithoutWeight,
)
from streams.contract.events.integrity import IntegrityFinding
from streams.contract.events.internal.stamp import ReportStamp
from streams.contract.events.report import MessageReport
from streams.contract.wire.encoding import encode
from streams.counting.measures import MILLION
from streams.counting.sums import WindowCounts
from streams.counting.windows import WindowSpec
from streams.deciding.law.duty import published_duty
from streams.deciding.reports.case import Case
from streams.deciding.reports.rules import ReportRules


class PreparedReport(msgspec.Struct, frozen=True, gc=False):
    """An `EnrichedReport` whose law is JSON encoded once for all similar reports: the same bytes, faster.

    Fields and their order are those of `EnrichedReport`.
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
    trust: ReporterTrust | msgspec.UnsetType
    integrity: IntegrityFinding | msgspec.UnsetType
    possible_repeat: bool | msgspec.UnsetType
    without_weight: WithoutWeight | msgspec.UnsetType


def enriched_json(
    rules: ReportRules,
    case: Case,
    windows: Sequence[WindowSpec],
    counts: Sequence[WindowCounts],
    *,
    counted: bool,
    possible_repeat: bool = False,
    finding: IntegrityFinding | None = None,
) -> bytes:
    """Return the enriched report as JSON; `counts` are those of `windows` after it was applied.

    `finding` is what the longest of them shows of coordinated reporting.
    """
    law, origin = case.law, case.origin
    obligations = law.obligations_json
    if obligations is None:
        duties = tuple(published_duty(duty, rules.registry, case.received) for duty in law.duties)
        obligations = msgspec.Raw(encode(duties))
    dsa_category, dsa_keywords = rules.dsa[case.report.category]
    return encode(
        PreparedReport(
            public_report(case.report),
            law.jurisdictions_json,
            obligations,
            law.routing_json,
            law.rule_of_law_json,
            dsa_category,
            dsa_keywords,
            case.risk,
            tuple(map(channel_window, windows, counts)),
            counted,
            None if counted or case.without_weight else "late",
            rules.registry.policy_version,
            rules.registry.registry_version,
            Source(origin.topic, origin.partition, origin.offset),
            UNSET if case.stamp is None else _trust(case.stamp),
            UNSET if finding is None else finding,
            possible_repeat or UNSET,
            case.without_weight or UNSET,
        )
    )


def _trust(stamp: ReportStamp) -> ReporterTrust | msgspec.UnsetType:
    # A new part of a measured source has a factor, and no outcomes of its own.
    if not stamp.outcomes and not stamp.over_limit and stamp.factor == 1.0:
        return UNSET
    return ReporterTrust(
        stamp.reporter_class, stamp.mean, stamp.lower, stamp.outcomes, over_limit=stamp.over_limit
    )


def public_report(report: MessageReport) -> PublicReport:
    """Return the report without the reporter's pseudonym."""
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
        report.message_version,
    )


def channel_window(spec: WindowSpec, counts: WindowCounts) -> ChannelWindow:
    """Return a window's counts as they are published."""
    return ChannelWindow(
        spec.text,
        counts.reports,
        counts.distinct_reporters,
        counts.trusted_flaggers,
        counts.automated,
        counts.risk / MILLION,
    )
