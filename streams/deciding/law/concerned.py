"""Which jurisdictions a report concerns.

A country is concerned if any evidence or hint names it: DSA art. 18 counts where the offence takes place and
where the suspect and the victim are. How much certainty is needed depends on the decision to be made. More
evidence therefore never removes a country, only the entry for "unknown".
"""

from typing import get_args

from streams.contract.events.countries import COUNTRY_ALIASES
from streams.contract.events.enriched_report import Jurisdiction, JurisdictionBasis
from streams.contract.events.report import EvidenceBasis, MessageReport
from streams.registry.rules import LocationHints

UNKNOWN = "XX"
NOWHERE = (Jurisdiction(UNKNOWN, 0.0, "none"),)

# DSA art. 18(2): where the offence takes place and where the suspect and the victim are. A channel's country,
# or the origin of a request, does not make a Member State concerned.
_IDENTIFYING: tuple[EvidenceBasis, ...] = ("victim", "suspect", "offence")
_BASIS_ORDER = {basis: order for order, basis in enumerate(get_args(JurisdictionBasis))}


def concerned(report: MessageReport, hints: LocationHints) -> tuple[Jurisdiction, ...]:
    """One entry per country with its best evidence, the most certain first; only `XX` without a country.

    Among equally certain evidence the basis listed first in `JurisdictionBasis` wins.
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
        # A confidence of 0 means: not this country.
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
    """The countries of the offence, a suspect or a victim, with a confidence of at least `certainty`."""
    return frozenset(
        COUNTRY_ALIASES.get(evidence.country, evidence.country)
        for evidence in report.evidence
        if evidence.confidence >= certainty and evidence.basis in _IDENTIFYING
    )
