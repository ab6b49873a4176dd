"""The schemas of the law files and of sources.yaml: an editor that uses them and the loader agree on the form
of a row.
"""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from generators import registry_schemas as schema
from generators.__main__ import main
from streams.registry.reading.document import read_document
from tests.unit.registry_files import SHIPPED

LAW = SHIPPED / "law"
FILES = [*sorted(LAW.glob("*.yaml")), SHIPPED / "sources.yaml"]


def content_of(path: Path) -> Any:
    """The content as an editor sees it: dates are text."""
    return json.loads(json.dumps(read_document(path).content, default=str))


def named_schema(path: Path) -> dict[str, Any]:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    prefix = "# yaml-language-server: $schema="
    assert first.startswith(prefix), path.name
    named: dict[str, Any] = json.loads((path.parent / first.removeprefix(prefix)).read_text(encoding="utf-8"))
    return named


def test_the_schemas_match_the_types() -> None:
    assert main(["--check", "registry_schemas"]) == 0


def test_an_outdated_schema_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schema, "FOLDER", tmp_path)
    assert main(["registry_schemas"]) == 0
    assert main(["--check", "registry_schemas"]) == 0
    (tmp_path / "triggers.schema.json").write_text("{}", encoding="utf-8")
    (tmp_path / "old.schema.json").write_text("{}", encoding="utf-8")
    assert main(["--check", "registry_schemas"]) == 1
    shown = capsys.readouterr().err
    assert [line.partition(" ")[0].rpartition("/")[2] for line in shown.splitlines()] == [
        "old.schema.json",
        "triggers.schema.json",
    ]


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_a_file_follows_the_schema_it_names(path: Path) -> None:
    validator = jsonschema.Draft202012Validator(named_schema(path), format_checker=jsonschema.FormatChecker())
    assert [error.message for error in validator.iter_errors(content_of(path))] == []


def test_an_editor_marks_what_the_loader_would_refuse() -> None:
    path = LAW / "KR.yaml"
    validator = jsonschema.Draft202012Validator(named_schema(path))
    for field, value in (("trigger", "rumour"), ("categories", ["nudity"]), ("sources", []), ("hours", 24)):
        content = content_of(path)
        content["obligations"][0][field] = value
        assert list(validator.iter_errors(content)), field


def test_every_file_of_a_jurisdiction_begins_with_an_explanation() -> None:
    """A lawyer may open the file without this project's documentation at hand."""
    for path in FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[1].startswith("# "), path.name
