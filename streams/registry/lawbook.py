"""The jurisdiction files of a law folder, read together because they refer to each other."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from streams.contract.events.countries import COUNTRIES, COUNTRY_ALIASES
from streams.registry.reading.document import Document, FieldPath, Row, read_document
from streams.registry.reading.errors import UnreadableFile
from streams.registry.reading.text_path import FoundPath, TextPath
from streams.registry.shapes.law import (
    CalendarsFile,
    JurisdictionFile,
    LocationHintsFile,
    PlatformFile,
    TerritoriesFile,
    TriggersFile,
)
from streams.registry.shapes.rule_of_law import RuleOfLawFile
from streams.registry.shapes.signatures import SignaturesFile

GLOBAL = "GLOBAL"
# The other files in the folder, one per subject, and what each holds.
SUBJECTS: Mapping[str, type[Row]] = {
    "calendars": CalendarsFile,
    "location_hints": LocationHintsFile,
    "platform": PlatformFile,
    "rule_of_law": RuleOfLawFile,
    "territories": TerritoriesFile,
    "signatures": SignaturesFile,
    "triggers": TriggersFile,
}


@dataclass(frozen=True)
class Lawbook:
    """Jurisdictions by code, GLOBAL first, then regions, then countries, each with its document."""

    documents: dict[str, Document]
    files: dict[str, JurisdictionFile]
    territories_document: Document
    territories: TerritoriesFile

    def __iter__(self) -> Iterator[tuple[Document, JurisdictionFile]]:
        """Iterate over the files in the order of the overlay."""
        return ((self.documents[code], file) for code, file in self.files.items())


def read_lawbook(folder: TextPath, categories: Collection[str]) -> Lawbook:
    """Read all jurisdictions and territories of a law folder. Raises RegistryError if a file is invalid.

    `categories` are those that a duty may name.
    """
    expected = (folder / f"{GLOBAL}.yaml", folder / "territories.yaml")
    if folder.is_dir() and not any(path.exists() for path in expected):
        raise UnreadableFile(folder, f"no folder of law (it has no {GLOBAL}.yaml)")
    documents = {path.stem: read_document(path) for path in jurisdiction_paths(folder)}
    territories_document = read_document(folder / "territories.yaml")
    files = {}
    for stem, document in documents.items():
        file = document.parse(JurisdictionFile, categories)
        if f"{file.code}.yaml" != document.path.name:
            document.refuse(
                ("code",),
                f"does not match the file name: rename the file to {file.code}.yaml, or correct the code",
            )
        files[stem] = file
    if GLOBAL not in files:
        raise UnreadableFile(folder / f"{GLOBAL}.yaml", "No such file or directory")
    named = {region for file in files.values() for region in file.regions}
    for code, file in files.items():
        _check_code(documents[code], code, named)
        _check_regions(documents[code], file, files)
    ordered = dict(sorted(files.items(), key=lambda item: (layer(item[0]), item[0])))
    return Lawbook(documents, ordered, territories_document, territories_document.parse(TerritoriesFile))


def jurisdiction_paths(folder: FoundPath) -> list[FoundPath]:
    """Give the files of jurisdictions in a law folder; another suffix is a wrong name."""
    return [
        path for path in sorted(folder.glob("*.y*ml")) if path.suffix != ".yaml" or path.stem not in SUBJECTS
    ]


def layer(code: str) -> int:
    """Give the layer of a jurisdiction in the overlay: 0 for GLOBAL, 1 for a region, 2 for a country."""
    if code == GLOBAL:
        return 0
    return 2 if code in COUNTRIES else 1


def check_country(document: Document, place: FieldPath, code: str) -> None:
    """Raise RegistryError unless `code` is a country's code; aliases are for incoming records only."""
    if code not in COUNTRIES or code in COUNTRY_ALIASES:
        document.refuse(place, "must be an ISO 3166-1 alpha-2 code, XK or XX")


def regions_of(code: str, files: dict[str, JurisdictionFile]) -> tuple[str, ...]:
    """Give the regions that a jurisdiction is in, directly or through others, widest first."""
    found: list[str] = []
    todo = list(files[code].regions)
    while todo:
        region = todo.pop()
        if region not in found:
            found.append(region)
            todo.extend(files[region].regions)
    return tuple(sorted(found, key=lambda region: (len(regions_of(region, files)), region)))


def _check_code(document: Document, code: str, named: set[str]) -> None:
    if layer(code) == 1 and code not in named:
        document.refuse(
            ("code",), "must be an ISO 3166-1 alpha-2 code or a region that another file lists in `regions`"
        )
    if code in COUNTRY_ALIASES:
        check_country(document, ("code",), code)


def _check_regions(document: Document, file: JurisdictionFile, files: dict[str, JurisdictionFile]) -> None:
    for index, region in enumerate(file.regions):
        if region not in files or layer(region) != 1:
            document.refuse(("regions", index), f"{region} is not a region with a file of its own")
        if layer(file.code) == 1 and file.code in _reachable(region, files):
            document.refuse(
                ("regions", index), f"{region} is itself in {file.code}; regions must not contain each other"
            )


def _reachable(code: str, files: dict[str, JurisdictionFile]) -> set[str]:
    found: set[str] = set()
    todo = [code]
    while todo:
        region = todo.pop()
        if region not in found and region in files:
            found.add(region)
            todo.extend(files[region].regions)
    return found
