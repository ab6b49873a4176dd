"""Writes the JSON Schemas of the law files and of sources.yaml from their shapes.

Each of these files names its schema in the first line, so that editors can complete fields and mark mistakes.
A schema covers the form of a row; only the loader checks references between rows.
"""

from pathlib import Path
from typing import Any

from generators.event_schemas import DIALECT, json_files
from streams.contract.events.report import CATEGORY_MARK
from streams.registry.categories import built_in_categories
from streams.registry.lawbook import SUBJECTS
from streams.registry.loader import SHIPPED_LAW
from streams.registry.reading.document import Row
from streams.registry.shapes.law import JurisdictionFile
from streams.registry.shapes.rules import SourcesFile

FOLDER = SHIPPED_LAW / "schema"
_FILES: dict[str, type[Row]] = {
    "jurisdiction.schema.json": JurisdictionFile,
    "sources.schema.json": SourcesFile,
    **{f"{subject}.schema.json": shape for subject, shape in SUBJECTS.items()},
}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema (2020-12) of every kind of file, by file name."""
    return {
        file: {"$schema": DIALECT, "$id": file, **_listed(shape.model_json_schema(by_alias=True))}
        for file, shape in _FILES.items()
    }


def _listed(node: Any) -> Any:
    """`node` with Tocsin's categories in the place of the mark; those of a deployment are not known here."""
    if isinstance(node, list):
        return [_listed(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node == CATEGORY_MARK:
        return {"enum": list(built_in_categories()), "type": "string"}
    return {name: _listed(item) for name, item in node.items()}


def files() -> dict[Path, str]:
    """The text of every schema."""
    return json_files(FOLDER, schemas())
