"""A category as loaded and checked: how its reports are scored, and what others call it."""

from dataclasses import dataclass
from typing import Literal

from streams.contract.events.report import Category

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

NOT_SPECIFIED_NOTICE: DsaCategory = "STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE"


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """The row of parts 3 to 6 of a transparency report in which a category is counted.

    `keyword` is None for a category without sub-categories; `description` is what KEYWORD_OTHER requires.
    """

    category: str
    keyword: str | None
    description: str | None


@dataclass(frozen=True, slots=True)
class Cybertip:
    """An incident type of the CyberTipline, in the words of its API, with the report annotations that fit.

    `condition` is what a person must establish first; None if the category alone suffices.
    """

    incident_type: str
    annotations: tuple[str, ...]
    condition: str | None


@dataclass(frozen=True, slots=True)
class CategoryRules:
    """The rules of a category. `prior` is the share of its reports that are actionable (pi).

    `code` stands for it in state and never changes. `dsa_category` and `dsa_keywords` are identifiers of the
    EU's transparency database, version 2. `floor`: the platform's own review always looks at it.
    `abuse_prone`: it is used against dissent. `ozone_reason` ends the reason type of a report to Ozone.
    `cybertip` is None if the CyberTipline does not take it. `child_safety`: only people who are named for it
    see its cases. `endangers_life`: authorities of guarded places may be told. `terrorist_content`:
    Regulation (EU) 2021/784 covers it. `deceptive_commercial`: DSA art. 17(2) exempts it.
    """

    category: Category
    code: int
    severity: float
    prior: float
    dsa_category: DsaCategory
    dsa_keywords: tuple[str, ...]
    floor: bool
    abuse_prone: bool
    template: TemplateRow
    ozone_reason: str
    cybertip: Cybertip | None
    child_safety: bool
    endangers_life: bool
    terrorist_content: bool
    deceptive_commercial: bool
