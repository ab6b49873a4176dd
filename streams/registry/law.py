"""Jurisdictions and obligations from jurisdictions.yaml and obligations.yaml."""

from collections.abc import Mapping
from typing import get_args

from streams.events.countries import COUNTRIES, COUNTRY_ALIASES
from streams.events.report import CATEGORIES, ReportKind
from streams.registry.document import Document, Place
from streams.registry.durations import parse_duration
from streams.registry.rules import JurisdictionRules, LocationHints, Obligation, Trigger
from streams.registry.shapes import (
    JurisdictionRow,
    JurisdictionsFile,
    ObligationRow,
    ObligationsFile,
    RegionRow,
)

GLOBAL = "GLOBAL"


def build_jurisdictions(document: Document, file: JurisdictionsFile) -> dict[str, JurisdictionRules]:
    """Make the rows of GLOBAL, the regions, their members and the countries, in this order.

    A member without a row of its own takes the tier of the region that names it. Raises RegistryError.
    """
    if file.global_.code != GLOBAL:
        document.refuse(("global", "code"), f"must be {GLOBAL}")
    members = _members(document, file.regions)
    rows = {GLOBAL: _rules(file.global_, ())}
    for region in file.regions:
        rows[region.code] = _rules(region, ())
    for region in file.regions:
        for code, name in region.members.items():
            regions = tuple(other.code for other in file.regions if code in members[other.code])
            rows[code] = JurisdictionRules(code, name, regions, region.rule_of_law.tier)
    seen: dict[str, int] = {}
    for index, country in enumerate(file.countries):
        place = ("countries", index, "code")
        _check_country(document, place, country.code)
        if country.code in seen:
            document.refuse(place, f"is also the code of countries[{seen[country.code]}]; codes are unique")
        seen[country.code] = index
        known = rows.get(country.code)
        rows[country.code] = _rules(country, () if known is None else known.regions)
    return rows


def build_location_hints(
    document: Document, file: JurisdictionsFile, jurisdictions: Mapping[str, JurisdictionRules]
) -> LocationHints:
    """Make the hints; raises RegistryError if a language points to a country without a row."""
    hints = file.location_hints
    for language, code in hints.languages.items():
        if code not in jurisdictions:
            document.refuse(("location_hints", "languages", language), f"{code} has no row in this file")
    believed = hints.confidence
    return LocationHints(believed.channel, believed.reporter, believed.language, dict(hints.languages))


def build_triggers(document: Document, file: ObligationsFile) -> dict[ReportKind, frozenset[Trigger]]:
    """Say which triggers each kind of report can bring about; raises RegistryError if a kind has no row."""
    document.require(("triggers", "values"), file.triggers.values, get_args(ReportKind))
    return {kind: frozenset(triggers) for kind, triggers in file.triggers.values.items()}


def build_obligations(
    document: Document,
    file: ObligationsFile,
    jurisdictions: JurisdictionsFile,
    known: Mapping[str, JurisdictionRules],
) -> tuple[Obligation, ...]:
    """Make the duties, GLOBAL before regions before countries, else in the order of the file.

    Raises RegistryError for a duty of a jurisdiction or to an authority that has no row.
    """
    places = [jurisdictions.global_, *jurisdictions.regions, *jurisdictions.countries]
    authorities = {row.code: [authority.id for authority in row.authorities] for row in places}
    seen: dict[str, int] = {}
    duties = []
    for index, row in enumerate(file.obligations):
        place = ("obligations", index)
        if row.id in seen:
            document.refuse((*place, "id"), f"is also the id of obligations[{seen[row.id]}]; ids are unique")
        seen[row.id] = index
        if row.jurisdiction not in known:
            document.refuse((*place, "jurisdiction"), f"{row.jurisdiction} has no row in jurisdictions.yaml")
        here = authorities.get(row.jurisdiction, [])
        if row.authority is not None and row.authority not in here:
            valid = ", ".join(here) or "none so far"
            document.refuse(
                (*place, "authority"),
                f"is not an authority of {row.jurisdiction} in jurisdictions.yaml ({valid})",
            )
        duties.append(_obligation(document, place, row, known))
    regions = {region.code for region in jurisdictions.regions}
    return tuple(sorted(duties, key=lambda duty: _layer(duty.jurisdiction, regions)))


def _layer(code: str, regions: set[str]) -> int:
    if code == GLOBAL:
        return 0
    return 1 if code in regions else 2


def _members(document: Document, regions: list[RegionRow]) -> dict[str, set[str]]:
    named: dict[str, str] = {}
    own: dict[str, set[str]] = {}
    for index, region in enumerate(regions):
        place = ("regions", index)
        if region.code in own or region.code == GLOBAL or region.code in COUNTRIES:
            document.refuse((*place, "code"), "is already the code of something else; codes are unique")
        own[region.code] = set(region.members)
        for code in region.members:
            _check_country(document, (*place, "members", code), code)
            if code in named:
                document.refuse((*place, "members", code), f"is already named by {named[code]}: use includes")
            named[code] = region.code
    for index, region in enumerate(regions):
        for included in region.includes:
            if included not in own:
                document.refuse(("regions", index, "includes"), f"{included} is not a region of this file")
    return {
        region.code: own[region.code].union(*(own[included] for included in region.includes))
        for region in regions
    }


def _check_country(document: Document, place: Place, code: str) -> None:
    if code not in COUNTRIES or code in COUNTRY_ALIASES:
        document.refuse(place, "must be an ISO 3166-1 alpha-2 code, XK or XX")


def _rules(row: JurisdictionRow, regions: tuple[str, ...]) -> JurisdictionRules:
    return JurisdictionRules(row.code, row.name, regions, row.rule_of_law.tier)


def _obligation(
    document: Document, place: Place, row: ObligationRow, known: Mapping[str, JurisdictionRules]
) -> Obligation:
    if row.duration is not None:
        try:
            parse_duration(row.duration)
        except ValueError as error:
            document.refuse((*place, "duration"), str(error))
    if row.in_force_until is not None and row.in_force_until < row.in_force_from:
        document.refuse((*place, "in_force_until"), "must not be before in_force_from")
    for code in row.except_in:
        if code not in known or row.jurisdiction not in known[code].regions:
            document.refuse((*place, "except_in"), f"{code} is not a member of {row.jurisdiction}")
    return Obligation(
        id=row.id,
        jurisdiction=row.jurisdiction,
        instrument=row.instrument,
        article=row.article,
        title=row.title,
        categories=CATEGORIES if row.categories == "all" else tuple(row.categories),
        trigger=row.trigger,
        required_elements=tuple(row.required_elements),
        action=row.action,
        duration=row.duration,
        standard=row.standard,
        authority=row.authority,
        applies_to=row.applies_to,
        public_only=row.public_only,
        except_in=tuple(row.except_in),
        in_force_from=row.in_force_from,
        in_force_until=row.in_force_until,
        source_url=row.source.url,
        checked=row.source.checked,
        verification=row.source.verification,
    )
