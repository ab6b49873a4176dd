"""What the native core is told of the rules to count reports as `apply_report` does."""

from collections.abc import Sequence
from typing import get_args

from streams.contract.events.enriched_report import ENRICHED_REPORT_TYPE
from streams.contract.events.report import REPORTER_KINDS, ReporterKind, ReportKind
from streams.contract.wire.envelope import headers_at
from streams.contract.wire.topics import ENRICHED_REPORTS
from streams.counting.notices import REPORT_ROLES, ReportRole
from streams.deciding.partition.native.handed_over import HandedOver, Secret
from streams.deciding.reports.native.fragment import fragment
from streams.deciding.reports.native.plan_rules import PlanRules, plan_rules
from streams.deciding.reports.native.risk_table import RiskTable, risk_table
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.weighing import CROWD_KINDS


class ReporterRow(HandedOver, frozen=True):
    """A kind of reporter. `is_finder`: its reports count once per message. `is_told`: it is sent receipts."""

    kind: ReporterKind
    is_finder: bool
    is_told: bool


class RoleRow(HandedOver, frozen=True):
    """What a report of a kind by a kind of reporter is (`report_role`); null for none of these."""

    kind: ReportKind
    reporter: ReporterKind
    role: ReportRole | None


class Header(HandedOver, frozen=True):
    """A header of a record, in ASCII."""

    name: str
    value: str


class EnrichedForm(HandedOver, frozen=True):
    """What all enriched reports have: their topic, headers, and members of the JSON that name the rules.

    Each report has its own `ce_id` and `ce_time` in place of the values of these headers.
    """

    topic: str
    headers: Sequence[Header]
    versions: str


class ChannelHomeRules(HandedOver, frozen=True):
    """The document for the home of channels.

    `categories` are all, in the order in which they are counted; of those without a plan each report is
    Python's. Refs, channels and messages are hashed under `hash_key`. `days_of_change` are the days on which
    the law of some report changes, counted from 1 January of the year 1 as day 1. Of all messages,
    `sample_share` (0 to 1) are drawn for a review. `proven_voices` raise a level without a desk.
    """

    categories: Sequence[str]
    plans: Sequence[PlanRules]
    reporters: Sequence[ReporterRow]
    kinds: Sequence[ReportKind]
    roles: Sequence[RoleRow]
    hash_key: Secret
    risk: RiskTable
    days_of_change: Sequence[int]
    sample_share: float
    proven_voices: int
    integrity_is_live: bool
    enriched: EnrichedForm


def channel_home_rules(rules: ReportRules) -> ChannelHomeRules:
    """Return the document of these rules."""
    registry = rules.registry
    return ChannelHomeRules(
        categories=list(rules.plans),
        # Of what is usual in a channel Python keeps a history.
        plans=[
            plan_rules(rules, category, plan)
            for category, plan in rules.plans.items()
            if not plan.histories and not plan.by_size
        ],
        reporters=[
            ReporterRow(
                kind=kind, is_finder=kind not in CROWD_KINDS, is_told=kind in registry.reporters.receipts
            )
            for kind in REPORTER_KINDS
        ],
        kinds=get_args(ReportKind),
        roles=[
            RoleRow(kind=kind, reporter=reporter, role=role)
            for (kind, reporter), role in REPORT_ROLES.items()
        ],
        hash_key=Secret(base64=rules.hash_keys.current.secret),
        risk=risk_table(rules.risk_model),
        days_of_change=rules.resolver.days_of_change,
        sample_share=registry.sample_share,
        proven_voices=0 if registry.ask is None else registry.ask.proven_voices,
        integrity_is_live=registry.integrity == "live",
        enriched=EnrichedForm(
            topic=ENRICHED_REPORTS,
            headers=[
                Header(name=name, value=value.decode())
                for name, value in headers_at(ENRICHED_REPORT_TYPE, "", b"")
            ],
            versions=fragment(
                policy_version=registry.policy_version, registry_version=registry.registry_version
            ),
        ),
    )
