"""Writes the JSON Schemas of the documents in which the native core is handed the rules, from their types.

They are no contract with anybody else: both sides of such a document are of one version of Tocsin. So they are
beside the extension, and not in schemas/.
"""

from pathlib import Path
from typing import Any

from generators.event_schemas import json_files, schema_of
from streams.deciding.partition.native.handed_over import HandedOver
from streams.deciding.reporters.native.home_rules import ReporterHomeRules
from streams.deciding.reports.native.gate_rules import GateRules
from streams.deciding.reports.native.home_rules import ChannelHomeRules

FOLDER = Path(__file__).parents[1] / "native" / "schemas"
_DOCUMENTS: dict[str, tuple[str, type[HandedOver]]] = {
    "gate-rules.json": ("The rules of the gate", GateRules),
    "channel-home-rules.json": ("The rules of the home of channels", ChannelHomeRules),
    "reporter-home-rules.json": ("The rules of the home of reporters", ReporterHomeRules),
}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema (2020-12) of each document, by file name."""
    return {file: schema_of(file, *document, closed=True) for file, document in _DOCUMENTS.items()}


def files() -> dict[Path, str]:
    """The text of every schema."""
    return json_files(FOLDER, schemas())
