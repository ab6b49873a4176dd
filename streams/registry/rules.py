"""The rules by which reports and requests are judged, as loaded and checked from the registry's files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from streams.contract.events.authority_request import RequestKind
from streams.contract.events.report import Category, ReporterKind, ReportKind
from streams.contract.wire.topics import ReportSource
from streams.registry.category import CategoryRules
from streams.registry.jurisdiction import Authority, JurisdictionRules
from streams.registry.obligation import EnterpriseSize, Obligation, Standard, Trigger
from streams.registry.policy import Policy
from streams.registry.reporter_rules import ReporterRules
from streams.registry.row_of_law import WatchedRow

# Whether signs of coordinated reporting change levels and weights, or are only shown.
IntegrityMode = Literal["live", "shadow"]
AskMode = Literal["live", "shadow"]
# Who is told of a case if no Member State can be identified (DSA art. 18(2)).
Fallback = Literal["representative", "europol", "both"]


@dataclass(frozen=True, slots=True)
class Scoring:
    """Weights of reporters and limits of the evidence; scoring.yaml gives reasons and sources."""

    trust: Mapping[str, float]
    membership: Mapping[str, float]
    account_age: Mapping[str, float]
    max_weight: Mapping[str, float]
    unadjusted_kinds: frozenset[str]
    reports_clamp: float
    classifier_clamp: float


@dataclass(frozen=True, slots=True)
class IndexValues:
    """What the index says of a state: two values and their standard errors, None where not known."""

    rule_of_law: float | None = None
    voice: float | None = None
    rule_of_law_error: float | None = None
    voice_error: float | None = None


@dataclass(frozen=True, slots=True)
class TierThresholds:
    """A state is open from the first two values on, and closed below the third."""

    open_rule_of_law: float
    open_voice: float
    closed_voice: float


@dataclass(frozen=True, slots=True)
class RuleOfLawIndex:
    """A published index of the rule of law, with which the tiers of states are compared."""

    title: str
    rule_of_law_year: int
    voice_year: int
    thresholds: TierThresholds
    states: Mapping[str, IndexValues]


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """The days that are not business days. No source covers days after `known_until` yet.

    `weekend` holds ISO weekdays (Monday is 1), `working` days of a weekend that are worked. `possible` may be
    holidays: estimated dates, and holidays of parts of the state. A day begins and ends at midnight in
    `time_zone` (IANA).
    """

    id: str
    time_zone: str
    weekend: frozenset[int]
    holidays: frozenset[date]
    known_until: date
    source_url: str
    possible: frozenset[date] = frozenset()
    working: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class PlatformFacts:
    """Where the platform is established, and whom it tells.

    `establishment` and `legal_representative` are EU countries, or None. `contact_languages` are those of the
    point of contact (DSA art. 11). A Member State with a confidence of at least `certainty` counts as
    identified (DSA art. 18(2)). `safe_recipients` are the authorities that may be told of a case that
    concerns a closed jurisdiction. `size` is that of the enterprise, None if unknown: then no exemption by
    size holds. `secondary_rows_arm`: whether a clock is armed if the time or the dates of its row are known
    from secondary sources only.
    """

    establishment: str | None
    legal_representative: str | None
    contact_languages: tuple[str, ...]
    certainty: float
    fallback: Fallback
    safe_recipients: tuple[str, ...]
    size: EnterpriseSize | None = None
    secondary_rows_arm: bool = False


@dataclass(frozen=True, slots=True)
class InternalTargets:
    """Milliseconds within which the platform means to act without a legal clock, by the law's wording.

    `otherwise` is for duties with neither a duration nor a standard.
    """

    by_standard: Mapping[Standard, int]
    otherwise: int


@dataclass(frozen=True, slots=True)
class Triggers:
    """Triggers that a report or request meets by itself, and those a report may meet after a human review."""

    met_by_report: Mapping[ReportKind, frozenset[Trigger]]
    met_by_request: Mapping[RequestKind, frozenset[Trigger]]
    possible: Mapping[ReportKind, frozenset[Trigger]]


@dataclass(frozen=True, slots=True)
class LocationHints:
    """The confidence (0..1) of a report's hints at countries, other than its evidence.

    `language_countries` maps a primary language subtag to the only country with a file in which it is an
    official language.
    """

    channel: float
    reporter: float
    language: float
    language_countries: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SourceRights:
    """What the reports of a source topic may claim. `ce_sources` is None if any publisher's name is valid."""

    kinds: frozenset[ReportKind]
    reporters: frozenset[ReporterKind]
    ce_sources: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class AskRules:
    """When a desk is asked about a crowd: below `proven_voices`, about `reports` of its reports.

    The answer should be there within `within_ms`. In shadow nobody is asked, and events say so.
    """

    mode: AskMode
    proven_voices: int
    reports: int
    within_ms: int


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules. Together with the records they determine every output.

    `policy_version` and `registry_version` are hashes of the content. `jurisdictions` has GLOBAL, each
    region, and each country or territory with a row. `authorities` has all of them by id; ids are unique
    across the registry. `obligations` are ordered GLOBAL, regions, countries; `watched` are the rows whose
    law is not in force, and decide nothing. `lapsed_signatures` are the ids of rows that were signed in other
    words than they have now. `regions` are the codes of all regions that have a member. `sources` has a row
    for each topic to which reports are published. `index` is None if the law folder has no rule_of_law.yaml;
    it decides nothing, because the tiers are in the jurisdictions. `integrity` is `shadow` if the file of
    policies does not say; `ask` is None, and nobody is asked. `severity_points` are those that the severity
    of a category may add to a priority, of 100; 0, and none, if that file does not say. `sample_share`
    is the share of messages that are drawn at random, 0 if that file does not say.
    """

    policies: tuple[Policy, ...]
    categories: Mapping[Category, CategoryRules]
    scoring: Scoring
    reporters: ReporterRules
    jurisdictions: Mapping[str, JurisdictionRules]
    authorities: Mapping[str, Authority]
    location_hints: LocationHints
    obligations: tuple[Obligation, ...]
    triggers: Triggers
    targets: InternalTargets
    calendars: Mapping[str, HolidayCalendar]
    platform: PlatformFacts
    sources: Mapping[ReportSource, SourceRights]
    policy_version: str
    registry_version: str
    index: RuleOfLawIndex | None = None
    integrity: IntegrityMode = "shadow"
    ask: AskRules | None = None
    severity_points: int = 0
    sample_share: float = 0.0
    watched: tuple[WatchedRow, ...] = ()
    lapsed_signatures: tuple[str, ...] = ()
    regions: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Compute `regions` once, because every escalation needs them."""
        regions = frozenset(region for row in self.jurisdictions.values() for region in row.regions)
        object.__setattr__(self, "regions", regions)

    @property
    def asks(self) -> bool:
        """Whether crowds are held at review until a desk has answered; not in shadow."""
        return self.ask is not None and self.ask.mode == "live"

    @property
    def publishers(self) -> Mapping[str, frozenset[str]]:
        """The publishers (ce_source) that the operator lists, by the topic to which each publishes."""
        return {topic: rights.ce_sources or frozenset() for topic, rights in self.sources.items()}

    def has_floor(self, policy: Policy) -> bool:
        """Return whether the policy counts a category with a floor: about such a one no desk is asked."""
        return any(self.categories[category].floor for category in policy.categories)

    def may_rest(self, policy: Policy) -> bool:
        """Return whether an episode of the policy may wait: none about children, or a threat to life."""
        rows = [self.categories[category] for category in policy.categories]
        return not any(row.floor or row.child_safety or row.endangers_life for row in rows)
