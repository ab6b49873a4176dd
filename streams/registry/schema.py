"""Writes the JSON Schemas of the law files from their shapes: `python -m streams.registry.schema [--check]`.

Each file names its schema in its first line, so that an editor can complete fields and mark mistakes while one types.
The schemas know the form of a row; what rows say of each other only the loader checks.
"""

import json
import sys
from pathlib import Path
from typing import Any

from streams.registry.document import Row
from streams.registry.shapes_law import (
    CalendarsFile,
    JurisdictionFile,
    LocationHintsFile,
    PlatformFile,
    TerritoriesFile,
    TriggersFile,
)

FOLDER = Path(__file__).parent / "law" / "schema"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
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
        file: {"$schema": _DIALECT, "$id": file, **shape.model_json_schema(by_alias=True)}
        for file, shape in _FILES.items()
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` name those that are not what the shapes say. Returns the exit code."""
    texts = {file: json.dumps(schema, indent=2) + "\n" for file, schema in schemas().items()}
    if "--check" not in arguments:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            (FOLDER / file).write_text(text, encoding="utf-8")
        return 0
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    differing = sorted(file for file in texts.keys() | there.keys() if texts.get(file) != there.get(file))
    for file in differing:
        sys.stderr.write(
            f"{FOLDER / file} is not what the shapes say: run `python -m streams.registry.schema`.\n"
        )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
