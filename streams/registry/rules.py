"""What the pure core needs to know to judge a report, read from the registry's files and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from streams.counting.measures import MeasureName
from streams.events.authority_request import LegalBasis, RequestElement, RequestKind
from streams.events.report import Category, NoticeElement, ReportKind
from streams.events.routing import Gate

Mode = Literal["live", "shadow", "off"]
# From the least to the most protective. A country nobody has assessed may be a closed one, so `unknown` stands above
# `guarded`.
RuleOfLawTier = Literal["open", "guarded", "unknown", "closed"]
# `retention`: what must be kept for the duration, rather than done within it.
DurationMeaning = Literal["deadline", "retention"]
Calendar = Literal["elapsed", "business_days"]
# Whom a case goes to that nobody knows the Member State of (DSA art. 18(2)).
Fallback = Literal["representative", "europol", "both"]
AuthorityRole = Literal["police", "prosecutor", "court", "regulator", "dsc", "ministry", "hotline", "agency"]
Verification = Literal["verified", "secondary", "unverified"]
Trigger = Literal[
    "authority_order",
    "regulator_notice",
    "data_order",
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
    "preserve",
    "acknowledge",
    "decide",
    "produce_data",
    "escalate_internal",
]
# The words of a law that sets no number of hours.
Standard = Literal[
    "without_undue_delay",
    "promptly",
    "as_soon_as_reasonably_possible",
    "as_soon_as_reasonably_practicable",
    "swiftly",
    "diligently",
]
DsaCategory = Literal[
    "STATEMENT_CATEGORY_ANIMAL_WELFARE",
    "STATEMENT_CATEGORY_CONSUMER_INFORMATION",
    "STATEMENT_CATEGORY_CYBER_VIOLENCE",
    "STATEMENT_CATEGORY_CYBER_VIOLENCE_AGAINST_WOMEN",
    "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
    "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH",
    "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
    "STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
    "STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE",
    "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
    "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
    "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
    "STATEMENT_CATEGORY_SELF_HARM",
    "STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS",
    "STATEMENT_CATEGORY_VIOLENCE",
]


# What stands in the place of a policy on escalations that a legal clock opens; no policy may have this id.
LEGAL_CLOCK = "legal-clock"


@dataclass(frozen=True, slots=True)
class Level:
    """All thresholds of `when` must be reached (value >= threshold); `risk` is in units of risk, not millionths."""

    level: int
    name: str
    when: Mapping[MeasureName, float]


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy. Times are in milliseconds; `window` is the ISO 8601 duration as written (`PT1H`)."""

    id: str
    mode: Mode
    categories: tuple[Category, ...]
    window: str
    window_ms: int
    levels: tuple[Level, ...]
    clear_below: float
    min_clear_ms: int
    cooldown_ms: int
    reason: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class CategoryRules:
    """What holds for a category: `prior` is the share of reports in it that are actionable (pi).

    `dsa_category` and `dsa_keywords` are the identifiers of the EU's transparency database, version 2.
    """

    category: Category
    severity: float
    prior: float
    dsa_category: DsaCategory
    dsa_keywords: tuple[str, ...]
    floor: bool
    abuse_prone: bool


@dataclass(frozen=True, slots=True)
class Scoring:
    """Weights of reporters and bounds of the evidence; see scoring.yaml for reasons and sources."""

    trust: Mapping[str, float]
    membership: Mapping[str, float]
    account_age: Mapping[str, float]
    max_weight: Mapping[str, float]
    unadjusted_kinds: frozenset[str]
    reports_clamp: float
    classifier_clamp: float


@dataclass(frozen=True, slots=True)
class Authority:
    """Somebody to whom a case or an answer may go.

    `channel` says how it is reached, in words (never a personal address), None where no source names one. `languages`
    are BCP 47 tags, empty where unknown.
    """

    id: str
    name: str
    jurisdiction: str
    role: AuthorityRole
    channel: str | None
    languages: tuple[str, ...]
    checked: date
    verification: Verification


@dataclass(frozen=True, slots=True)
class JurisdictionRules:
    """A country, region or the global row: where it belongs and how far its authorities are trusted.

    `regions` are the codes of the regions a country is a member of, widest first. `part_of` is the state that an
    overseas territory with a code of its own belongs to: its duties hold there too, and those of its regions if
    `regions` names them. `art18_authority`, `dsc` and `tco_authority` are ids of authorities: who is told of a threat
    to life, who is the Digital Services Coordinator, who may order the removal of terrorist content. `dsc_status` is a
    known doubt about the coordinator's powers. `languages` are those in which its authorities write (BCP 47).
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


@dataclass(frozen=True, slots=True)
class Obligation:
    """A legal duty: who owes what to whom, from when on, and where that is written.

    It is in force from `in_force_from` up to and including `in_force_until`. `duration` (ISO 8601) and `standard`
    both None: the row knows no time limit. `meaning` says what the duration is. With `business_days` it counts the
    days that `holiday_calendar` leaves; None there makes the row advisory. `pausable_for` are the reasons for which its
    clock may stand still. `public_only` holds for what is open to the public, not for private chats. `except_in` are
    members of a region in which it does not apply. `legal_bases` are those of the authorities' requests it follows
    from, `emergency` whether only of urgent (True) or only of other ones (False). `gate` is what must happen before
    anything is disclosed. `territory` is where what is done takes effect. Rows marked unverified are advisory only.
    """

    id: str
    jurisdiction: str
    instrument: str
    article: str
    title: str
    categories: tuple[Category, ...]
    trigger: Trigger
    required_elements: tuple[NoticeElement | RequestElement, ...]
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
    source_title: str | None
    source_url: str
    checked: date
    verification: Verification


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """The days on which a business-day clock stands still. Days after `known_until` are in no source yet.

    `weekend` are ISO weekdays (Monday is 1). A day begins and ends in `time_zone` (IANA).
    """

    id: str
    time_zone: str
    weekend: frozenset[int]
    holidays: frozenset[date]
    known_until: date
    source_url: str


@dataclass(frozen=True, slots=True)
class PlatformFacts:
    """Whose law the platform itself is under, and how authorities reach it.

    `establishment` and `legal_representative` are countries of the EU, None where there is none. `contact_languages`
    are those of the point of contact of DSA art. 11. `certainty` is the confidence from which on a Member State counts
    as identified (DSA art. 18(2)). `safe_recipients` are the authorities that may be told of a case that concerns a
    closed jurisdiction.
    """

    establishment: str | None
    legal_representative: str | None
    contact_languages: tuple[str, ...]
    certainty: float
    fallback: Fallback
    safe_recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InternalTargets:
    """Milliseconds within which the platform itself means to act where no legal clock runs, by the law's words.

    `otherwise` is for a duty whose row has neither a duration nor a standard.
    """

    by_standard: Mapping[Standard, int]
    otherwise: int


@dataclass(frozen=True, slots=True)
class Triggers:
    """Which triggers a report or request meets by itself, and which a report may come to meet once somebody looked."""

    met_by_report: Mapping[ReportKind, frozenset[Trigger]]
    met_by_request: Mapping[RequestKind, frozenset[Trigger]]
    possible: Mapping[ReportKind, frozenset[Trigger]]


@dataclass(frozen=True, slots=True)
class LocationHints:
    """How far a report's hints at countries beside its evidence are believed, 0..1.

    `language_countries` maps a primary language subtag to the one country with a row of its own in which it is an
    official language.
    """

    channel: float
    reporter: float
    language: float
    language_countries: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that a judgement depends on besides the reports themselves.

    `policy_version` and `registry_version` are hashes of the content: equal content gives an equal version.
    `jurisdictions` has a row for GLOBAL, each region, and each country or territory that has one. `authorities` are
    all of them by id: ids are unique over the registry. `obligations` are ordered GLOBAL, regions, countries.
    `regions` are the codes of the regions that some row of `jurisdictions` is in.
    """

    policies: tuple[Policy, ...]
    categories: Mapping[Category, CategoryRules]
    scoring: Scoring
    jurisdictions: Mapping[str, JurisdictionRules]
    authorities: Mapping[str, Authority]
    location_hints: LocationHints
    obligations: tuple[Obligation, ...]
    triggers: Triggers
    targets: InternalTargets
    calendars: Mapping[str, HolidayCalendar]
    platform: PlatformFacts
    policy_version: str
    registry_version: str
    regions: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Derive the regions once: every escalation asks for them."""
        regions = frozenset(region for row in self.jurisdictions.values() for region in row.regions)
        object.__setattr__(self, "regions", regions)
