"""Writes the JSON Schemas of the law files and of sources.yaml from their shapes: `python -m streams.operations.generated.registry_schemas [--check]`.

Each of these files names its schema in the first line, so that editors can complete fields and mark mistakes. A schema covers
the form of a row; only the loader checks references between rows.
"""

import sys
from pathlib import Path
from typing import Any

from streams.operations.generated.event_schemas import DIALECT, write_or_check
from streams.registry.document import Row
from streams.registry.shapes import SourcesFile
from streams.registry.shapes_law import (
    CalendarsFile,
    JurisdictionFile,
    LocationHintsFile,
    PlatformFile,
    TerritoriesFile,
    TriggersFile,
)
from streams.registry.shapes_rule_of_law import RuleOfLawFile

FOLDER = Path(__file__).parents[2] / "registry" / "law" / "schema"
_FILES: dict[str, type[Row]] = {
    "calendars.schema.json": CalendarsFile,
    "jurisdiction.schema.json": JurisdictionFile,
    "location_hints.schema.json": LocationHintsFile,
    "platform.schema.json": PlatformFile,
    "rule_of_law.schema.json": RuleOfLawFile,
    "sources.schema.json": SourcesFile,
    "territories.schema.json": TerritoriesFile,
    "triggers.schema.json": TriggersFile,
}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema (2020-12) of every kind of file, by file name."""
    return {
        file: {"$schema": DIALECT, "$id": file, **shape.model_json_schema(by_alias=True)}
        for file, shape in _FILES.items()
    }


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
