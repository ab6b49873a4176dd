"""What people mistype, and what they are answered: tests/stories/mistakes.yaml, case by case."""

import logging
import os
import re
import shlex
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner

from streams.commands.explained_errors import explain
from streams.commands.main import commands
from tests.yaml_files import load_yaml

PAGE = load_yaml((Path(__file__).parents[1] / "stories" / "mistakes.yaml").read_text(encoding="utf-8"))
CASES = [(PAGE["files"], section, case) for section in PAGE["sections"] for case in section["mistakes"]]


@pytest.fixture(autouse=True)
def logs_as_before():
    """A program sets up the logs of its process, which is the one of all tests here."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def answer(typed: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and all that is printed, but for the lines on usage, as one line of text."""
    words = shlex.split(typed)
    variables = {}
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    assert words.pop(0) == "tocsin"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        done = CliRunner().invoke(commands, words, prog_name="tocsin")
        code: int | None = done.exit_code
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            # What `main` does, for an error that is not click's.
            code = explain(done.exception)
        assert code is not None, f"{typed}: a traceback of {done.exception!r}"
    printed = done.output + capsys.readouterr().err
    printed = re.sub(r"^Usage: .*\n(?: {7}.*\n)*|^Try '.*' for help\.\n", "", printed, flags=re.MULTILINE)
    return code, " ".join(printed.split())


@pytest.mark.parametrize(
    ("files", "section", "case"),
    CASES,
    ids=[f"{section['about']}-{n}" for n, (_, section, _) in enumerate(CASES)],
)
def test_a_mistake_is_answered_with_what_is_wrong_and_what_would_be_right(
    files, section, case, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        monkeypatch.delenv(name)
    for name, text in files.items():
        if "changed" in case and name == section["file"]:
            old, new = case["changed"]
            assert text.count(old) == 1
            text = text.replace(old, new)
        (tmp_path / name).write_text(text, encoding="utf-8")
    typed = case.get("typed") or section["typed"]
    assert answer(typed, capsys) == (section["exit"], " ".join(case["answered"].split()))


def test_there_are_sixty_mistakes_of_every_kind_and_none_twice():
    assert {section["about"] for section in PAGE["sections"]} == {
        "commands", "countries, categories and times", "reports", "rules", "settings", "brokers",
    }  # fmt: skip
    cases = [(case.get("typed"), *case.get("changed", ())) for _, _, case in CASES]
    assert len(set(cases)) == len(cases) >= 60
