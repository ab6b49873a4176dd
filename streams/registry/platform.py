"""Builds the facts about the platform from platform.yaml or the operator's own file."""

from collections.abc import Mapping

from streams.registry.jurisdiction import Authority, JurisdictionRules
from streams.registry.reading.document import Document
from streams.registry.rules import PlatformFacts
from streams.registry.shapes.law import PlatformFile


def build_platform(
    document: Document,
    file: PlatformFile,
    jurisdictions: Mapping[str, JurisdictionRules],
    authorities: Mapping[str, Authority],
) -> PlatformFacts:
    """Build the facts.

    Raises RegistryError if the establishment or the representative is outside the EU, if the fallback needs
    one of them and neither is given, or if a safe recipient is unknown or belongs to a closed jurisdiction.
    """
    representative = file.legal_representative
    country = None if representative is None else representative.country
    for field, code in (("establishment", file.establishment), ("legal_representative", country)):
        if code is not None and (code not in jurisdictions or "EU" not in jurisdictions[code].regions):
            document.refuse((field,), f"{code} is not a Member State of the EU")
    if file.fallback.value == "representative" and file.establishment is None and country is None:
        document.refuse(
            ("fallback", "value"),
            "`representative` needs an establishment or a legal_representative; neither is given",
        )
    for index, id_ in enumerate(file.safe_recipients.values):
        where = ("safe_recipients", "values", index)
        if id_ not in authorities:
            document.refuse(where, f"{id_} is not an authority in the registry")
        if jurisdictions[authorities[id_].jurisdiction].rule_of_law == "closed":
            document.refuse(
                where, f"{id_} belongs to a closed jurisdiction, so it cannot be a safe recipient"
            )
    return PlatformFacts(
        establishment=file.establishment,
        legal_representative=country,
        contact_languages=tuple(file.point_of_contact.languages),
        certainty=file.certainty.value,
        fallback=file.fallback.value,
        safe_recipients=tuple(file.safe_recipients.values),
        size=None if file.size is None else file.size.value,
        secondary_rows_arm=bool(file.secondary_rows_arm),
    )
