"""A copy of the registry's files, edits to it, and a check of how the loader refuses them."""

import re
import shutil
from pathlib import Path

import pytest

import streams.registry
from streams.registry.reading.errors import RegistryError
from streams.registry.loader import load_rules

SHIPPED = Path(streams.registry.__file__).parent


def copy_files(folder: Path) -> Path:
    """Copy every file that `load_rules` reads into `folder`."""
    for name in ("categories.yaml", "scoring.yaml", "reporters.yaml", "sources.yaml", "policies.yaml"):
        shutil.copy(SHIPPED / name, folder / name)
    shutil.copytree(SHIPPED / "law", folder / "law")
    return folder


def edit(folder: Path, name: str, old: str, new: str) -> int:
    """Replace the first `old` with `new` and return its line number, counted from 1."""
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def add_obligations(path: Path, rows: str) -> None:
    """Add rows of law, a list in YAML, at the end of the file of a jurisdiction."""
    text = path.read_text("utf-8")
    head = "" if "\nobligations:\n" in text else "\nobligations:\n"
    path.write_text(text + head + rows, encoding="utf-8")


def refused(folder: Path, name: str, field: str, says: str) -> list[str]:
    """Check that loading fails with a problem about `field` of that file, and return all problems."""
    with pytest.raises(RegistryError) as caught:
        load_rules(folder)
    problems = str(caught.value).splitlines()
    about = [problem for problem in problems if f" {field}: " in problem]
    assert any(says in problem for problem in about), problems
    file = re.escape(Path(name).name)
    assert all(re.match(rf"{file}:[1-9][0-9]*: ", problem) for problem in problems), problems
    return problems
