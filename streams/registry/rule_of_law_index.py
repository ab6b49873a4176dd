"""The tier that a published index gives a state, and where a state's own tier is another one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from math import inf
from typing import get_args

from streams.contract.events.countries import COUNTRIES
from streams.registry.jurisdiction import JurisdictionRules, RuleOfLawTier
from streams.registry.lawbook import GLOBAL, check_country
from streams.registry.reading.document import Document
from streams.registry.rules import IndexValues, RuleOfLawIndex, TierThresholds
from streams.registry.shapes.rule_of_law import RuleOfLawFile

_TIERS: tuple[RuleOfLawTier, ...] = get_args(RuleOfLawTier)


@dataclass(frozen=True, slots=True)
class TierDifference:
    """A state whose tier is not that of the index, and why it may be."""

    code: str
    tier: RuleOfLawTier
    by_index: RuleOfLawTier
    why: str


def tier_by_index(values: IndexValues, thresholds: TierThresholds) -> RuleOfLawTier:
    """Return the tier of a state by the worse of its two values; `unknown` if one is missing."""
    if values.rule_of_law is None or values.voice is None:
        return "unknown"
    return _tier(values.rule_of_law, values.voice, thresholds)


def least_careful_tier(values: IndexValues, thresholds: TierThresholds) -> RuleOfLawTier:
    """Return the least careful tier that the index allows for a state.

    A value within its standard error of a threshold counts as if it had reached it, so that a state near a
    threshold need not change its tier every year. A missing value says nothing against a state.
    """
    rule_of_law = inf if values.rule_of_law is None else values.rule_of_law + (values.rule_of_law_error or 0)
    voice = inf if values.voice is None else values.voice + (values.voice_error or 0)
    return _tier(rule_of_law, voice, thresholds)


def build_index(
    document: Document, file: RuleOfLawFile, jurisdictions: Mapping[str, JurisdictionRules]
) -> RuleOfLawIndex:
    """Build the index.

    Raises RegistryError for a code that is not a country's, if the thresholds contradict each other, and if
    the file of a state has a tier that is less careful than the index allows, on the day when the index was
    loaded or later.
    """
    rows = file.thresholds
    if rows.closed_voice >= rows.open_voice:
        document.refuse(("thresholds", "closed_voice"), "must be below open_voice")
    thresholds = TierThresholds(rows.open_rule_of_law, rows.open_voice, rows.closed_voice)
    states = {}
    for code, row in file.states.items():
        check_country(document, ("states", code), code)
        values = IndexValues(row.rule_of_law, row.voice, row.rule_of_law_error, row.voice_error)
        allowed = least_careful_tier(values, thresholds)
        for tier in _tiers_from(file.index.loaded, jurisdictions.get(code)):
            if _is_less_careful(tier, allowed):
                document.refuse(
                    ("states", code),
                    f"allows {allowed} at the least, and {code}.yaml has the tier {tier}: a tier may be more "
                    "careful than the index, never less",
                )
        states[code] = values
    index = file.index
    return RuleOfLawIndex(
        title=f"{index.publisher}, {index.title}",
        rule_of_law_year=index.rule_of_law.year,
        voice_year=index.voice.year,
        thresholds=thresholds,
        states=states,
    )


def tier_differences(
    index: RuleOfLawIndex, jurisdictions: Mapping[str, JurisdictionRules]
) -> Iterator[TierDifference]:
    """Yield the states whose tier is not the index's, by code.

    Of the states without a file only those are listed that the index would treat more carefully than the
    global tier. Regions and territories are no states of the index.
    """
    own = {
        code: row for code, row in jurisdictions.items() if code in COUNTRIES - {"XX"} and row.part_of is None
    }
    for code in sorted(own.keys() | index.states.keys()):
        values = index.states.get(code, IndexValues())
        by_index = tier_by_index(values, index.thresholds)
        tier = own[code].rule_of_law if code in own else jurisdictions[GLOBAL].rule_of_law
        if tier == by_index or (code not in own and not _is_less_careful(tier, by_index)):
            continue
        if code not in own:
            why = f"it has no file, so the tier of {GLOBAL} applies"
        elif code not in index.states:
            why = "the index has no values of it"
        elif by_index == "unknown":
            why = (
                "the index lacks "
                f"{'rule of law' if values.rule_of_law is None else 'voice and accountability'}"
            )
        elif _is_less_careful(tier, by_index):
            why = "within one standard error of a threshold"
        else:
            why = "more careful than the index"
        yield TierDifference(code, tier, by_index, why)


def _tier(rule_of_law: float, voice: float, thresholds: TierThresholds) -> RuleOfLawTier:
    if voice < thresholds.closed_voice:
        return "closed"
    if rule_of_law >= thresholds.open_rule_of_law and voice >= thresholds.open_voice:
        return "open"
    return "guarded"


def _tiers_from(day: date, state: JurisdictionRules | None) -> list[RuleOfLawTier]:
    """Return the tiers of a state on `day` and later."""
    if state is None:
        return []
    return [*(tier for until, tier in state.earlier_tiers if until >= day), state.rule_of_law]


def _is_less_careful(tier: RuleOfLawTier, than: RuleOfLawTier) -> bool:
    return _TIERS.index(tier) < _TIERS.index(than)
