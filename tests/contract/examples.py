"""The golden records of `schemas/examples`.

A file holds `key`, `headers` and exactly one of:

- `value`: JSON, written without spaces; null means a record without a value;
- `value_text`: UTF-8 text that is not such a JSON object;
- `value_base64`: bytes that are not UTF-8.
"""

import base64
import json
from pathlib import Path
from typing import Any, NamedTuple

from streams.running.topics.topic_catalogue import SCHEMAS


class Example(NamedTuple):
    key: str | None
    headers: list[tuple[str, bytes]]
    value: bytes | None
    document: Any


def example(path: Path) -> Example:
    content = json.loads(path.read_text(encoding="utf-8"))
    headers = [(name, text.encode()) for name, text in content["headers"].items()]
    if "value_base64" in content:
        value = base64.b64decode(content["value_base64"])
    elif "value_text" in content:
        value = content["value_text"].encode()
    elif content["value"] is None:
        value = None
    else:
        value = json.dumps(content["value"], separators=(",", ":"), ensure_ascii=False).encode()
    return Example(content["key"], headers, value, content.get("value"))


def example_files(folder: str) -> list[Path]:
    """List the files below `schemas/examples/<folder>`, sorted."""
    return sorted((SCHEMAS / "examples" / folder).rglob("*.json"))


def name_of(path: Path) -> str:
    return "/".join(path.parts[-3:])
