"""Builds jurisdictions, territories and authorities from the files in the law folder."""

from collections.abc import Iterable
from datetime import date

from streams.contract.events.countries import COUNTRIES
from streams.registry.jurisdiction import Authority, JurisdictionRules, RuleOfLawTier
from streams.registry.lawbook import GLOBAL, Lawbook, check_country, layer, regions_of
from streams.registry.reading.document import Document, FieldPath
from streams.registry.shapes.law import AuthorityRow, TerritoryRow
from streams.registry.shapes.rule_of_law import RuleOfLawRow


def build_authorities(book: Lawbook) -> dict[str, Authority]:
    """Build all authorities by id. Raises RegistryError if two have the same id."""
    authorities: dict[str, Authority] = {}
    for document, file in book:
        for index, row in enumerate(file.authorities):
            if row.id in authorities:
                document.refuse(
                    ("authorities", index, "id"),
                    f"is also an id in {authorities[row.id].jurisdiction}.yaml; ids must be unique across "
                    "all files",
                )
            authorities[row.id] = _authority(row, file.code)
    return authorities


def build_jurisdictions(book: Lawbook, authorities: dict[str, Authority]) -> dict[str, JurisdictionRules]:
    """Build GLOBAL, the regions, the countries and the territories, in this order.

    Raises RegistryError for an authority that belongs neither to the jurisdiction nor to one of its regions,
    and for a territory of a country without a file.
    """
    rules = {}
    for document, file in book:
        regions = regions_of(file.code, book.files)
        for field in ("art18_authority", "dsc", "tco_authority"):
            check_authority(document, (field,), getattr(file, field), file.code, regions, authorities)
        rules[file.code] = JurisdictionRules(
            code=file.code,
            name=file.name,
            regions=regions,
            rule_of_law=file.rule_of_law.tier,
            rule_of_law_basis=file.rule_of_law.basis,
            rule_of_law_as_of=file.rule_of_law.as_of,
            part_of=None,
            authorities=tuple(authorities[row.id] for row in file.authorities),
            art18_authority=file.art18_authority,
            dsc=file.dsc,
            dsc_status=file.dsc_status,
            tco_authority=file.tco_authority,
            languages=tuple(file.languages),
            checked=file.source.checked,
            verification=file.source.verification,
            review_by=file.review_by,
            earlier_tiers=_earlier_tiers(document, file.rule_of_law),
        )
    countries = dict(rules)
    for code, row in book.territories.territories.items():
        rules[code] = _territory(book, code, row, countries)
    return rules


def check_authority(
    document: Document,
    place: FieldPath,
    id_: str | None,
    code: str,
    regions: Iterable[str],
    authorities: dict[str, Authority],
) -> None:
    """Raise RegistryError if an authority is given that does not belong to `code`, its regions or GLOBAL."""
    if id_ is None:
        return
    near = {code, *regions, GLOBAL}
    if id_ not in authorities or authorities[id_].jurisdiction not in near:
        known = [authority.id for authority in authorities.values() if authority.jurisdiction in near]
        document.refuse(
            place,
            f"{id_} is not an authority of {code}, its regions or GLOBAL; valid: "
            f"{', '.join(known) or 'none so far'}",
        )


def _authority(row: AuthorityRow, code: str) -> Authority:
    return Authority(
        id=row.id,
        name=row.name,
        jurisdiction=code,
        role=row.role,
        channel=row.channel,
        languages=tuple(row.languages),
        checked=row.source.checked,
        verification=row.source.verification,
        review_by=row.review_by,
    )


def _earlier_tiers(document: Document, row: RuleOfLawRow) -> tuple[tuple[date, RuleOfLawTier], ...]:
    days = [earlier.until for earlier in row.earlier]
    for index, day in enumerate(days):
        if index and day <= days[index - 1]:
            document.refuse(
                ("rule_of_law", "earlier", index, "until"), "must be after that of the tier before"
            )
    return tuple((earlier.until, earlier.tier) for earlier in row.earlier)


def _territory(
    book: Lawbook, code: str, row: TerritoryRow, countries: dict[str, JurisdictionRules]
) -> JurisdictionRules:
    document = book.territories_document
    place = ("territories", code)
    check_country(document, place, code)
    if code in countries:
        document.refuse(place, f"has a file of its own, {code}.yaml")
    if row.part_of not in countries or row.part_of not in COUNTRIES:
        document.refuse((*place, "part_of"), f"{row.part_of} is not a country with a file of its own")
    state = countries[row.part_of]
    for index, region in enumerate(row.regions):
        if region not in countries or layer(region) != 1 or region not in state.regions:
            document.refuse((*place, "regions", index), f"{region} is not a region of {state.code}")
    inside = {region for named in row.regions for region in (*countries[named].regions, named)}
    return JurisdictionRules(
        code=code,
        name=row.name,
        regions=tuple(region for region in state.regions if region in inside),
        rule_of_law=state.rule_of_law,
        rule_of_law_basis=state.rule_of_law_basis,
        rule_of_law_as_of=state.rule_of_law_as_of,
        part_of=state.code,
        authorities=(),
        art18_authority=state.art18_authority if inside else None,
        dsc=state.dsc if inside else None,
        dsc_status=state.dsc_status if inside else None,
        tco_authority=state.tco_authority if inside else None,
        languages=state.languages,
        checked=row.source.checked,
        verification=row.source.verification,
        review_by=row.review_by,
        earlier_tiers=state.earlier_tiers,
    )
