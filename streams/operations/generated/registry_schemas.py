"""Writes the JSON Schemas of the law files from their shapes: `python -m streams.operations.generated.registry_schemas [--check]`.

Each file names its schema in its first line, so that an editor can complete fields and mark mistakes while one types.
The schemas know the form of a row; what rows say of each other only the loader checks.
"""

import sys
from pathlib import Path
from typing import Any

from streams.operations.generated.event_schemas import DIALECT, write_or_check
from streams.registry.document import Row
from streams.registry.shapes_law import (
    CalendarsFile,
    JurisdictionFile,
    LocationHintsFile,
    PlatformFile,
    TerritoriesFile,
    TriggersFile,
)

FOLDER = Path(__file__).parents[2] / "registry" / "law" / "schema"
_FILES: dict[str, type[Row]] = {
    "calendars.schema.json": CalendarsFile,
    "jurisdiction.schema.json": JurisdictionFile,
    "location_hints.schema.json": LocationHintsFile,
    "platform.schema.json": PlatformFile,
    "territories.schema.json": TerritoriesFile,
    "triggers.schema.json": TriggersFile,
}


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema 2020-12 of every kind of law file, by file name."""
    return {
        file: {"$schema": DIALECT, "$id": file, **shape.model_json_schema(by_alias=True)}
        for file, shape in _FILES.items()
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` name those that are not what the shapes say. Returns the exit code."""
    return write_or_check(
        arguments,
        FOLDER,
        schemas(),
        "not what the shapes say: run `python -m streams.operations.generated.registry_schemas`",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
