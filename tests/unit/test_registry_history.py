"""`tocsin registry history`: the life of a row, and what each folder of law has changed in it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.commands.main import commands
from tests.unit.registry_files import add_obligations, edit

# Each loads the whole law for every folder.
pytestmark = pytest.mark.slow

ROWS = """\
  - id: CH.first
    instrument: Act on Tests
    article: s. 1
    title: Take it down
    categories: [ncii]
    trigger: statutory_victim_request
    action: remove
    duration: PT48H
    applies_to: hosting services
    status: in_force
    in_force_from: 2026-03-01
    in_force_until: 2027-02-28
    next: {day: 2027-01-15, what: the court decides}
    owner: registry
    read_by: reader-1
    review_by: 2027-02-01
    marks: secondary
    sources: [{title: The Gazette, url: "https://law.example/1", read_on: 2026-11-24}]
"""
SECOND = (
    ROWS.replace("CH.first", "CH.second")
    .replace("from: 2026-03-01", "from: 2027-03-01")
    .replace("    in_force_until: 2027-02-28\n", "")
)


@pytest.fixture
def laws(folder: Path, tmp_path: Path) -> list[Path]:
    """Three folders of law: without the rows, with two of them, and with a corrected one."""
    first, second, third = (tmp_path / name for name in ("law-1", "law-2", "law-3"))
    shutil.copytree(folder / "law", first)
    shutil.copytree(first, second)
    add_obligations(second / "CH.yaml", ROWS + SECOND)
    shutil.copytree(second, third)
    edit(third, "CH.yaml", "duration: PT48H", "duration: PT24H")
    return [first, second, third]


def history(*arguments: object) -> Result:
    return CliRunner().invoke(
        commands, ["registry", "history", *map(str, arguments), "--today", "2026-11-28"]
    )


def test_the_life_of_a_row_and_each_change_are_shown(laws: list[Path]) -> None:
    result = history("CH.first", *laws)
    assert result.exit_code == 0, result.output
    life = result.stdout.partition("day         what\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert life == [
        "2026-03-01  in force",
        "2026-11-24  read by reader-1: The Gazette",
        "2027-01-15  next: the court decides",
        "2027-02-01  to be reviewed by registry",
        "2027-02-28  last day",
    ]
    assert "after: CH.second" in result.stdout
    assert "CH.first: new from 2026-03-01 (day of receipt)" in result.stdout
    assert "48 hours (PT48H) -> 24 hours (PT24H)" in result.stdout
    assert "Retroactive: CH.first (from 2026-03-01)." in " ".join(result.stdout.split())


def test_only_what_concerns_the_row_is_shown(laws: list[Path]) -> None:
    edit(
        laws[2],
        "CH.yaml",
        "id: CH.second\n    instrument: Act on Tests",
        "id: CH.second\n    instrument: Act",
    )
    result = history("CH.second", laws[1], laws[2])
    assert "before: CH.first" in result.stdout
    assert "PT24H" not in result.stdout
    assert "Act on Tests -> Act" in result.stdout


def test_a_row_that_was_removed_still_has_a_history(laws: list[Path]) -> None:
    result = history("CH.first", *reversed(laws))
    assert result.exit_code == 0, result.output
    assert f"CH.first is not in {laws[0]} " in result.stdout
    assert "CH.first: removed" in result.stdout


def test_without_folders_the_life_alone_is_shown_as_the_workers_have_it(
    laws: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_LAW_FOLDER", str(laws[1]))
    result = history("CH.first")
    assert f"in {laws[1]} (version " in result.stdout
    assert "->" not in result.stdout


def test_json_has_each_step(laws: list[Path]) -> None:
    document: dict[str, Any] = json.loads(history("CH.first", *laws, "--json").stdout)
    assert document["after"] == ["CH.second"]
    assert [len(step["changes"]) for step in document["versions"]] == [2, 1]
    assert document["life"][0] == {"day": "2026-03-01", "what": "in force"}


def test_an_unknown_row_is_refused(laws: list[Path]) -> None:
    result = history("CH.frist", laws[1])
    assert result.exit_code == 2
    assert "Did you mean CH.first" in result.stderr
