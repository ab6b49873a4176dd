"""What the pure core needs to know to judge a report, read from the registry's files and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from streams.events.report import Category, NoticeElement, ReportKind

Mode = Literal["live", "shadow", "off"]
Measure = Literal["reports", "distinct_reporters", "risk", "trusted_flaggers", "automated"]
MEASURES: tuple[Measure, ...] = ("reports", "distinct_reporters", "risk", "trusted_flaggers", "automated")
# From the least to the most protective. A country nobody has assessed may be a closed one, so `unknown` stands above
# `guarded`.
RuleOfLawTier = Literal["open", "guarded", "unknown", "closed"]
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


@dataclass(frozen=True, slots=True)
class Level:
    """All thresholds of `when` must be reached (value >= threshold); `risk` is in units of risk, not millionths."""

    level: int
    name: str
    when: Mapping[Measure, float]


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
class JurisdictionRules:
    """A country, region or the global row: where it belongs and how far its authorities are trusted.

    `regions` are the codes of the regions a country is a member of, widest first.
    """

    code: str
    name: str
    regions: tuple[str, ...]
    rule_of_law: RuleOfLawTier


@dataclass(frozen=True, slots=True)
class Obligation:
    """A legal duty: who owes what to whom, from when on, and where that is written.

    It is in force from `in_force_from` up to and including `in_force_until`. `duration` (ISO 8601) and `standard`
    both None: the row knows no time limit. `public_only` holds for what is open to the public, not
    for private chats. `except_in` are members of a region in which it does not apply. Rows marked unverified are
    advisory only.
    """

    id: str
    jurisdiction: str
    instrument: str
    article: str
    title: str
    categories: tuple[Category, ...]
    trigger: Trigger
    required_elements: tuple[NoticeElement, ...]
    action: Action
    duration: str | None
    standard: Standard | None
    authority: str | None
    applies_to: str
    public_only: bool
    except_in: tuple[str, ...]
    in_force_from: date
    in_force_until: date | None
    source_url: str
    checked: date
    verification: Verification


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
    `jurisdictions` has a row for GLOBAL, each region, and each country that has one; `triggers` says which triggers
    of obligations a kind of report can bring about. `obligations` are ordered GLOBAL, regions, countries.
    """

    policies: tuple[Policy, ...]
    categories: Mapping[Category, CategoryRules]
    scoring: Scoring
    jurisdictions: Mapping[str, JurisdictionRules]
    location_hints: LocationHints
    obligations: tuple[Obligation, ...]
    triggers: Mapping[ReportKind, frozenset[Trigger]]
    policy_version: str
    registry_version: str
