"""Builds the rights of the source topics of reports from sources.yaml."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from streams.contract.wire.topics import REPORT_SOURCES, ReportSource
from streams.registry.reading.document import Document, FieldPath, read_document
from streams.registry.rules import SourceRights
from streams.registry.shapes.rules import SourcesFile

SHIPPED = Path(__file__).parent / "sources.yaml"


def load_sources(path: Path | None = None) -> Mapping[ReportSource, SourceRights]:
    """Load the rights alone, by default from the built-in file; `load_rules` takes a second longer.

    Raises RegistryError, which names file, line and field, if anything is invalid.
    """
    document = read_document(SHIPPED if path is None else path)
    return build_sources(document, document.parse(SourcesFile))


def build_sources(document: Document, file: SourcesFile) -> dict[ReportSource, SourceRights]:
    """Build the rights of every source topic.

    Raises RegistryError if one has no row or lists a value twice.
    """
    document.require(("sources",), file.sources, REPORT_SOURCES)
    built: dict[ReportSource, SourceRights] = {}
    for topic in REPORT_SOURCES:
        row, place = file.sources[topic], ("sources", topic)
        for field, values in (
            ("kinds", row.kinds),
            ("reporters", row.reporters),
            ("ce_sources", row.ce_sources or ()),
        ):
            _refuse_repeated(document, (*place, field), values)
        built[topic] = SourceRights(
            kinds=frozenset(row.kinds),
            reporters=frozenset(row.reporters),
            ce_sources=None if row.ce_sources is None else frozenset(row.ce_sources),
        )
    return built


def _refuse_repeated(document: Document, place: FieldPath, values: Sequence[str]) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            document.refuse((*place, index), f"{value} is in the list already; remove one of the two")
