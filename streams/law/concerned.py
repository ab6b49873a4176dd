"""Which jurisdictions a report concerns.

A country is concerned if any evidence or hint names it: DSA art. 18 counts where the offence takes place and where
suspect and victim are, and whoever decides says how much certainty it takes. So more evidence never takes a country
away, only the entry for "unknown".
"""

from typing import get_args

from streams.events.countries import COUNTRY_ALIASES
from streams.events.enriched_report import Jurisdiction, JurisdictionBasis
from streams.events.report import EvidenceBasis, MessageReport
from streams.registry.rules import LocationHints

UNKNOWN = "XX"
NOWHERE = (Jurisdiction(UNKNOWN, 0.0, "none"),)

# DSA art. 18(2): where the offence takes place and where suspect and victim are. Where a channel is at home, and who
# asks for something, makes no Member State concerned.
_IDENTIFYING: tuple[EvidenceBasis, ...] = ("victim", "suspect", "offence")
_BASIS_ORDER = {basis: order for order, basis in enumerate(get_args(JurisdictionBasis))}


def concerned(report: MessageReport, hints: LocationHints) -> tuple[Jurisdiction, ...]:
    """One entry per country with its best evidence, the most certain first; `XX` alone if nothing names any.

    Of equally certain evidence the basis that stands first in `JurisdictionBasis` is shown.
    """
    channel = report.channel
    named: list[tuple[str | None, float, JurisdictionBasis]] = [
        (evidence.country, evidence.confidence, evidence.basis) for evidence in report.evidence
    ]
    named.append((channel.country, hints.channel, "channel"))
    if report.reporter is not None:
        named.append((report.reporter.country, hints.reporter, "reporter"))
    if channel.language is not None:
        language = channel.language.partition("-")[0].lower()
        named.append((hints.language_countries.get(language), hints.language, "language"))
    best: dict[str, tuple[float, int, JurisdictionBasis]] = {}
    for country, confidence, basis in named:
        # A confidence of 0 says that it is not this country.
        if country is None or confidence == 0:
            continue
        code = COUNTRY_ALIASES.get(country, country)
        entry = (-confidence, _BASIS_ORDER[basis], basis)
        known = best.get(code)
        if known is None or entry < known:
            best[code] = entry
    if len(best) > 1:
        best.pop(UNKNOWN, None)
    if not best:
        return NOWHERE
    ranked = sorted((negative, code, basis) for code, (negative, _, basis) in best.items())
    return tuple(Jurisdiction(code, -negative, basis) for negative, code, basis in ranked)


def identified(report: MessageReport, certainty: float) -> frozenset[str]:
    """The countries that the offence, a suspect or a victim is in with at least this confidence."""
    return frozenset(
        COUNTRY_ALIASES.get(evidence.country, evidence.country)
        for evidence in report.evidence
        if evidence.confidence >= certainty and evidence.basis in _IDENTIFYING
    )
