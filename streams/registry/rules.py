"""The rules by which reports and requests are judged, as loaded and checked from the registry's files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from streams.contract.events.authority_request import (
    Demand,
    IntakeElement,
    LegalBasis,
    RequestElement,
    RequestKind,
)
from streams.contract.events.report import (
    Category,
    NoticeDeclaration,
    NoticeElement,
    ReporterKind,
    ReportKind,
)
from streams.contract.events.routing import Gate
from streams.contract.wire.topics import ReportSource
from streams.registry.category import CategoryRules
from streams.registry.policy import Policy
from streams.registry.reporter_rules import ReporterRules
from streams.registry.row_of_law import (
    LawSource,
    Marks,
    NextDay,
    Penalty,
    Signature,
    Verification,
    WatchedRow,
)

# Whether signs of coordinated reporting change levels and weights, or are only shown.
IntegrityMode = Literal["live", "shadow"]
AskMode = Literal["live", "shadow"]
# From the least to the most protective. A country that was not assessed may be a closed one, so `unknown`
# ranks above `guarded`.
RuleOfLawTier = Literal["open", "guarded", "unknown", "closed"]
# `retention`: something must be kept for the duration, instead of done within it. `not_before`: it must not
# be done until the duration has passed, and then at once.
DurationMeaning = Literal["deadline", "retention", "not_before"]
# What a pause does to the time: it stands still, or starts again when the pause ends.
AfterPause = Literal["continues", "restarts"]
# Recommendation 2003/361/EC, to which DSA art. 19 refers.
EnterpriseSize = Literal["micro", "small", "medium", "large"]
# How a duration in days is counted; see `law.deadlines`.
Calendar = Literal["elapsed", "business_days", "regulation_1182_71"]
# Who is told of a case if no Member State can be identified (DSA art. 18(2)).
Fallback = Literal["representative", "europol", "both"]
AuthorityRole = Literal["police", "prosecutor", "court", "regulator", "dsc", "ministry", "hotline", "agency"]
Trigger = Literal[
    "authority_order",
    "regulator_notice",
    "data_order",
    "incomplete_order",
    "unvalidated_emergency_order",
    "statutory_victim_request",
    "trusted_flagger_notice",
    "user_report",
    "actual_knowledge",
    "awareness_threat",
]
Action = Literal[
    "remove",
    "geo_disable",
    "notify_authority",
    "restrict_account",
    "preserve",
    "acknowledge",
    "decide",
    "publish_statement",
    "produce_data",
    "escalate_internal",
]
# The wording of a law that does not set a number of hours.
Standard = Literal[
    "without_undue_delay",
    "timely",
    "promptly",
    "as_soon_as_reasonably_possible",
    "as_soon_as_reasonably_practicable",
    "as_soon_as_feasible",
    "swiftly",
    "diligently",
]


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
class Authority:
    """An authority that may receive a case or an answer.

    `channel` says in words how to reach it (never a personal address); None if no source names a channel.
    `languages` are BCP 47 tags, empty if unknown. `review_by`: when the row must be checked again, if not at
    the usual time after `checked` (`agenda.review_day`); the same in all rows of law.
    """

    id: str
    name: str
    jurisdiction: str
    role: AuthorityRole
    channel: str | None
    languages: tuple[str, ...]
    checked: date
    verification: Verification
    review_by: date | None = None


@dataclass(frozen=True, slots=True)
class JurisdictionRules:
    """A country, a region or the global row: its regions, its authorities and their rule-of-law tier.

    `regions` are the codes of the regions a country is a member of, widest first. `part_of` is the state to
    which an overseas territory with a code of its own belongs: the state's duties hold there too, and so do
    those of the regions in `regions`. `earlier_tiers` are (last day, tier), oldest first: a report has the
    tier of the day of its receipt, and `rule_of_law` applies after the last of these days. Three fields are
    ids of authorities: `art18_authority` is told of threats to life, `dsc` is the Digital Services
    Coordinator, `tco_authority` may order the removal of terrorist content. `dsc_status` is a known doubt
    about the coordinator's powers. `languages` are those in which its authorities write (BCP 47).
    """

    code: str
    name: str
    regions: tuple[str, ...]
    rule_of_law: RuleOfLawTier
    rule_of_law_basis: str
    rule_of_law_as_of: date
    part_of: str | None
    authorities: tuple[Authority, ...]
    art18_authority: str | None
    dsc: str | None
    dsc_status: str | None
    tco_authority: str | None
    languages: tuple[str, ...]
    checked: date
    verification: Verification
    review_by: date | None = None
    earlier_tiers: tuple[tuple[date, RuleOfLawTier], ...] = ()


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
class Obligation:
    """A legal duty: what must be done, when, from which day on, and the law that says so.

    It is in force from `in_force_from` up to and including `in_force_until`. If `duration` (ISO 8601) and
    `standard` are both None, the row gives no time limit. `meaning` says whether the duration is a deadline,
    a retention period or a wait. If `calendar` is `business_days`, days off are those of `holiday_calendar`;
    without one no clock runs. If it is `regulation_1182_71`, the end by that calendar is published beside the
    end of the clock. `pausable_for`: the reasons for which its clock may pause. `after_pause`: whether it
    then continues or starts again. `questions`: elements whose absence a lawyer judges, while the clock runs.
    `runs_from`: the duty from whose fulfilment a retention period runs; until that is reported it runs from
    receipt and does not end. `exempt_sizes`: platforms of these sizes are exempt.
    `enforcing_authority_notified`: only orders of which the enforcing authority was notified (True), only
    others (False), or both (None). `public_only`: it covers content open to the public, not private chats.
    `except_in`: members of a region in which it does not apply. `legal_bases`: those of the authorities'
    requests that trigger it; `demands`: it takes a request that demands one of these (empty: any request);
    `emergency`: only urgent requests (True), only others (False), or both (None).
    `gate`: what must happen before anything is disclosed. `territory`: where the action takes effect.
    `marks`: how well each part was read; those of the time and the dates decide whether a clock is armed.
    `secondary_arms`: whether a secondary mark arms one too. The first of `sources` is published. `next`: the
    next known day in the life of the law. `owner` keeps the row right and `read_by` read its text;
    `penalties`: what threatens whom if the duty is not fulfilled. `signed`: who signed the row, in the words
    that it has now, for the platform; None if nobody did. `sha256` is that of what the row says. `lacking`:
    which of status, owner and review day the row does not give.
    """

    id: str
    jurisdiction: str
    instrument: str
    article: str
    title: str
    categories: tuple[Category, ...]
    trigger: Trigger
    required_elements: tuple[NoticeElement | NoticeDeclaration | RequestElement, ...]
    action: Action
    duration: str | None
    meaning: DurationMeaning
    standard: Standard | None
    calendar: Calendar
    holiday_calendar: str | None
    pausable_for: tuple[str, ...]
    authority: str | None
    applies_to: str
    public_only: bool
    except_in: tuple[str, ...]
    legal_bases: tuple[LegalBasis, ...]
    emergency: bool | None
    gate: Gate | None
    territory: str
    in_force_from: date
    in_force_until: date | None
    sources: tuple[LawSource, ...]
    marks: Marks
    secondary_arms: bool = False
    review_by: date | None = None
    questions: tuple[IntakeElement, ...] = ()
    after_pause: AfterPause = "continues"
    exempt_sizes: tuple[EnterpriseSize, ...] = ()
    enforcing_authority_notified: bool | None = None
    runs_from: str | None = None
    demands: tuple[Demand, ...] = ()
    owner: str | None = None
    read_by: str | None = None
    next: NextDay | None = None
    penalties: tuple[Penalty, ...] = ()
    signed: Signature | None = None
    sha256: str = ""
    lacking: tuple[str, ...] = ()

    @property
    def arms(self) -> bool:
        """Whether the marks of the time and the dates allow a clock."""
        mark = self.marks.of_clock
        return mark == "verified" or (mark == "secondary" and self.secondary_arms)

    @property
    def advisory(self) -> bool:
        """Whether time and dates are known from secondary sources, and that alone allows no clock."""
        return self.marks.of_clock == "secondary" and not self.secondary_arms

    @property
    def source_title(self) -> str | None:
        """Give the title of the source that events publish."""
        return self.sources[0].title

    @property
    def source_url(self) -> str:
        """Give the address that events publish; the first source always has one."""
        return self.sources[0].url or ""

    @property
    def checked(self) -> date:
        """Give the day on which somebody last read a source."""
        return max(source.read_on for source in self.sources)

    @property
    def verification(self) -> Verification:
        """Give the weakest mark: by it the row is listed for its owner."""
        return self.marks.weakest


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
