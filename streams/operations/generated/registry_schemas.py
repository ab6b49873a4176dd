"""Writes the JSON Schemas of the law files and of sources.yaml from their shapes: `python -m streams.operations.generated.registry_schemas [--check]`.

Each of these files names its schema in the first line, so that editors can complete fields and mark mistakes. A schema covers
the form of a row; only the loader checks references between rows.
"""

import sys
from pathlib import Path
from typing import Any

from streams.events.report import CATEGORY_MARK
from streams.operations.generated.event_schemas import DIALECT, write_or_check
from streams.registry.categories import built_in_categories
from streams.registry.document import Row
from streams.registry.lawbook import SUBJECTS
from streams.registry.shapes import SourcesFile
from streams.registry.shapes_law import JurisdictionFile

FOLDER = Path(__file__).parents[2] / "registry" / "law" / "schema"
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


def main(arguments: list[str]) -> int:
    """Write the files. With `--check`, list those that are out of date instead. Returns the exit code."""
    return write_or_check(
        arguments,
        FOLDER,
        schemas(),
        "out of date: run `python -m streams.operations.generated.registry_schemas`",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
