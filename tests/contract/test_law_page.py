"""docs/law-changes.md: its checklist for a change of law works as written. docs/law-verified.md: its table of
reviews matches the registry.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from copy import deepcopy
from datetime import date
from pathlib import Path

import pytest

from streams.registry.agenda import review_day, reviewed_rows, subject
from streams.registry.reading.document import read_document
from streams.registry.loader import SHIPPED_LAW, load_rules
from streams.registry.obligation import Obligation
from tests.unit.registry_files import copy_files
from tests.yaml_files import dump_yaml, load_yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "law-changes.md").read_text("utf-8")
VERIFIED = (ROOT / "docs" / "law-verified.md").read_text("utf-8")
CHECKLIST = PAGE.partition("## A legal change, step by step\n")[2].partition("\n### ")[0]
DUTY = "GB.osa.s10-3A"


def commands_shown():
    """The indented lines of the checklist, in order."""
    text = re.sub(r"^ *```.*?^ *```$", "", CHECKLIST, flags=re.DOTALL | re.MULTILINE)
    return [line.strip() for line in re.findall(r"^ {7}(\S.*)$", text, re.MULTILINE)]


def make_the_change(law):
    """Edit the copy as the checklist shows: end the row, add the next one."""
    (shown,) = re.findall(r"```yaml\n(.*?)```", CHECKLIST, re.DOTALL)
    ended, begun = load_yaml(shown.replace("...", '"https://law.example/1"'))
    path = law / "GB.yaml"
    content = deepcopy(read_document(path).content)
    row = next(row for row in content["obligations"] if row["id"] == DUTY == ended["id"])
    content["obligations"].append({**deepcopy(row), **begun})
    row.update(ended)
    path.write_text(dump_yaml(content), encoding="utf-8")


@pytest.mark.nightly
def test_the_checklist_works_as_written(tmp_path):
    copy_files(tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    printed = {}
    for line in commands_shown():
        if "pytest" in line:
            continue
        done = subprocess.run(
            ["sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        printed[line] = done.stdout
        if line == "cp -r law law-next":
            make_the_change(tmp_path / "law-next")
    commands = list(printed)
    assert [line.split()[:3] for line in commands if line.startswith("tocsin")] == [
        ["tocsin", "registry", word] for word in ("check", "diff", "show", "show")
    ]
    checked, compared, before, after = (printed[line] for line in commands if line.startswith("tocsin"))
    assert ": valid;" in checked
    assert f"{DUTY}.2027: new from 2027-03-01 (day of receipt), replaces {DUTY}\n" in compared
    assert "48 hours (PT48H) -> 24 hours (PT24H)" in compared and "Retroactive" not in compared
    assert f"\n{DUTY}\n" in before and "within 48 hours" in before
    assert f"\n{DUTY}.2027\n" in after and "within 24 hours" in after and f"\n{DUTY}\n" not in after
    version = load_rules(law=tmp_path / "law-next").registry_version
    assert version in printed["TOCSIN_LAW_FOLDER=law-next tocsin registry check"]


def test_the_tests_that_the_checklist_runs_exist():
    (line,) = (line for line in commands_shown() if "pytest" in line)
    named = re.findall(r"tests/\S+", line)
    assert len(named) == 3
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_shortened_row_says_what_the_registry_says():
    (shown,) = re.findall(r"A row, shortened:\n\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    (row,) = load_yaml(shown)["obligations"]
    shipped = read_document(SHIPPED_LAW / "GB.yaml").content["obligations"]
    whole = next(each for each in shipped if each["id"] == row["id"])
    source = row.pop("sources")[0]
    assert row == {name: whole[name] for name in row}
    source.pop("title")
    assert source == {name: whole["sources"][0][name] for name in source}


def test_the_table_of_reviews_matches_the_registry():
    shown = VERIFIED.partition("<!-- reviews: begin -->\n")[2].partition("<!-- reviews: end -->")[0]
    assert shown == review_table(), f"paste into docs/law-verified.md:\n{review_table()}"


def review_table():
    months: dict[str, Counter[str]] = {}
    for row in reviewed_rows(load_rules()):
        ended = isinstance(row, Obligation) and (row.in_force_until or date.max) < row.checked
        if not ended:
            months.setdefault(review_day(row).isoformat()[:7], Counter())[subject(row)] += 1
    lines = ["| review in | obligations | authorities | jurisdictions |", "| --- | --- | --- | --- |"]
    for month, number in sorted(months.items()):
        counted = (number[kind] or "-" for kind in ("obligation", "authority", "jurisdiction"))
        lines.append(f"| {month} | {' | '.join(map(str, counted))} |")
    return "\n".join([*lines, ""])
