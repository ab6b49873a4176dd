"""A report with jurisdictions, duties, risk and counts: the payload of `tocsin.enriched-report.v1`."""

from typing import Literal

import msgspec

from streams.contract.events.integrity import IntegrityFinding
from streams.contract.events.internal.stamp import TrustClass
from streams.contract.events.obligation import AppliedObligation
from streams.contract.events.report import (
    AccountAge,
    Category,
    Channel,
    Classifier,
    Evidence,
    Notice,
    Pseudonym,
    Ref,
    ReporterKind,
    ReportKind,
    ZonedTime,
)
from streams.contract.events.routing import Routing, RuleOfLaw

ENRICHED_REPORT_TYPE = "tocsin.enriched-report.v1"

# reporter_paused: people paused the reporter (reporter-standing). version_approved: two reviewers dismissed
# this version of the message, and it was not edited since (moderation-outcomes).
WithoutWeight = Literal["reporter_paused", "version_approved"]
JurisdictionBasis = Literal[
    "victim", "suspect", "offence", "channel", "authority", "reporter", "language", "none"
]


class PublicReporter(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The reporter without the pseudonym: nothing that Tocsin publishes identifies a reporter."""

    kind: ReporterKind
    country: str | None = None
    member: bool | None = None
    account_age: AccountAge | None = None


class PublicReport(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The report as it was published, without the reporter's pseudonym."""

    report_id: Ref
    kind: ReportKind
    occurred_at: ZonedTime
    channel: Channel
    category: Category
    received_at: ZonedTime | None = None
    message_ref: Pseudonym | None = None
    reporter: PublicReporter | None = None
    classifier: Classifier | None = None
    evidence: tuple[Evidence, ...] = ()
    notice: Notice | None = None
    message_version: Pseudonym | None = None


class Jurisdiction(msgspec.Struct, frozen=True, gc=False):
    """A country that may be concerned (ISO 3166-1 alpha-2, `XX` if none is known), and on what basis."""

    code: str
    confidence: float
    basis: JurisdictionBasis


class RiskComponents(msgspec.Struct, frozen=True, gc=False):
    """The inputs of the score; `streams/registry/scoring.yaml` explains them."""

    severity: float
    prior: float
    reporter_weight: float
    classifier: float | None
    probability: float


class Risk(msgspec.Struct, frozen=True, gc=False):
    """`score` is severity times probability, from 0 to 1."""

    score: float
    components: RiskComponents


class ChannelWindow(msgspec.Struct, frozen=True, gc=False):
    """Counts of the report's channel and category in one window, after the report was applied."""

    window: str
    reports: int
    distinct_reporters: int
    trusted_flaggers: int
    automated: int
    risk: float


class Source(msgspec.Struct, frozen=True, gc=False):
    """The place of the report's original record."""

    topic: str
    partition: int
    offset: int


class ReporterTrust(msgspec.Struct, frozen=True, gc=False):
    """How far the reporter is trusted, from what desks decided about earlier reports. It names nobody.

    `mean` and `lower` (its lower bound) are from 0 to 1. `outcomes` is their number, faded ones counted less.
    `over_limit`: beyond the reports of a day that weigh.
    """

    trust_class: TrustClass
    mean: float
    lower: float
    outcomes: float
    over_limit: bool


class EnrichedReport(msgspec.Struct, frozen=True, gc=False, omit_defaults=False):
    """One report with its jurisdictions, risk score and counts.

    `obligations` are the duties that may apply: first GLOBAL, then regions, then countries. `routing` is
    advice to a person: Tocsin sends nothing to an authority. `dsa_category` and `dsa_keywords` are the
    category in the vocabulary of the EU's transparency database, version 2. `trust` is present if outcomes of
    the reporter, or of the source of which a detector is a part, are known, or too many reports of the day;
    `integrity` if the reports of the channel show
    signs of coordination. `possible_repeat` is present, and true, if the report is so old that its id would
    be forgotten, so that it may have been published before. `without_weight` is present if the report weighs
    nothing for what people decided, and says what that was: then it is counted in no window, but in floor
    categories, where it is counted as a report for review.
    """

    report: PublicReport
    jurisdictions: tuple[Jurisdiction, ...]
    obligations: tuple[AppliedObligation, ...]
    routing: tuple[Routing, ...]
    rule_of_law: RuleOfLaw
    dsa_category: str
    dsa_keywords: tuple[str, ...]
    risk: Risk
    channel_windows: tuple[ChannelWindow, ...]
    counted: bool
    not_counted_reason: Literal["late"] | None
    policy_version: str
    registry_version: str
    source: Source
    trust: ReporterTrust | msgspec.UnsetType = msgspec.UNSET
    integrity: IntegrityFinding | msgspec.UnsetType = msgspec.UNSET
    possible_repeat: bool | msgspec.UnsetType = msgspec.UNSET
    without_weight: WithoutWeight | msgspec.UnsetType = msgspec.UNSET
