"""A jurisdiction as loaded and checked: its regions, its authorities and its rule-of-law tier."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from streams.registry.row_of_law import Verification

# From the least to the most protective. A country that was not assessed may be a closed one, so `unknown`
# ranks above `guarded`.
RuleOfLawTier = Literal["open", "guarded", "unknown", "closed"]
AuthorityRole = Literal["police", "prosecutor", "court", "regulator", "dsc", "ministry", "hotline", "agency"]


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
