"""Reads the recipes of docs/recipes.md and follows them in a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.tools import program

ROOT = Path(__file__).parents[2]
GIT = program("git", "apt-get install git")

_HEADING = re.compile(r"^## (Add an? .+)$", re.MULTILINE)
_FILES = re.compile(r"\b[Ii]t\s+changes\s+(\d+)\s+files?\b")
_LINE = r"(?P<line>`` .+? ``|`[^`]+`)"
_PATH = r"`(?P<path>[^`]+)`"
_FORMS = {
    "after": re.compile(rf"After {_LINE} in {_PATH}:$"),
    "replace": re.compile(rf"Replace {_LINE} in {_PATH} with:$"),
    "end": re.compile(rf"At the end of {_PATH}:$"),
    "new": re.compile(rf"In a new file {_PATH}:$"),
    "run": re.compile(r"Then run:$"),
}
_BLOCK = re.compile(r"((?:^.+\n)+)\n*^```\w*\n((?:.*\n)*?)^```$", re.MULTILINE)


class WrongRecipe(Exception):
    """A recipe cannot be followed word by word; the message names it and the file."""


@dataclass(frozen=True)
class Step:
    """One step: `form` is a key of `_FORMS`, `line` an existing line, `text` what is written, or the
    commands.
    """

    form: str
    line: str
    path: str
    text: str


@dataclass(frozen=True)
class Recipe:
    """A recipe, and the number of files that it says it changes."""

    name: str
    files: int
    steps: tuple[Step, ...]

    def follow(self, folder: Path) -> None:
        """Take all steps in a copy of the repository. Raises WrongRecipe if one fails."""
        changed = {step.path for step in self.steps if step.form != "run"}
        if len(changed) != self.files:
            raise WrongRecipe(f"{self.name}: it says {self.files} files, and changes {sorted(changed)}")
        for step in self.steps:
            if step.form == "run":
                self._run(step.text, folder)
            else:
                self._write(step, folder / step.path)

    def _write(self, step: Step, path: Path) -> None:
        if path.exists() != (step.form != "new"):
            raise WrongRecipe(f"{self.name}: {step.path} {'exists' if path.exists() else 'does not exist'}")
        if step.form == "new":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text, encoding="utf-8")
            return
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if step.form == "end":
            lines.append(step.text)
        else:
            found = [number for number, line in enumerate(lines) if line.strip() == step.line]
            if len(found) != 1:
                raise WrongRecipe(f"{self.name}: {len(found)} lines of {step.path} are {step.line!r}")
            first = found[0] + (step.form == "after")
            lines[first : found[0] + 1] = [step.text]
        path.write_text("".join(lines), encoding="utf-8")

    def _run(self, commands: str, folder: Path) -> None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=folder,
            env=_environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
        )
        if done.returncode:
            raise WrongRecipe(f"{self.name}: its commands failed\n{done.stdout}")


def _environment(folder: Path) -> dict[str, str]:
    """The variables of a fresh shell with this environment's programs; Python imports `streams` from the
    copy.
    """
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("TOCSIN_", "_TOCSIN_", "PYTEST_", "COVERAGE_"))
    }
    programs = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {"PATH": programs, "PYTHONPATH": str(folder)}


def recipes(page: str) -> list[Recipe]:
    """The recipes of a page that have steps. Raises WrongRecipe for a block under a sentence of no known
    form.
    """
    parts = _HEADING.split(page)[1:]
    read = [
        Recipe(name, int(stated[1]) if (stated := _FILES.search(text)) else 0, tuple(_steps(name, text)))
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    ]
    return [recipe for recipe in read if recipe.steps]


def _steps(name: str, text: str) -> Iterator[Step]:
    text = re.split(r"^##? ", text, maxsplit=1, flags=re.MULTILINE)[0]
    for paragraph, block in _BLOCK.findall(text):
        sentence = paragraph.strip().replace("\n", " ")
        for form, pattern in _FORMS.items():
            if found := pattern.search(sentence):
                named = {"line": "", "path": ""} | found.groupdict()
                yield Step(form, named["line"].strip("`").strip(), named["path"], block)
                break
        else:
            raise WrongRecipe(f"{name}: what is to be done with the block after {sentence!r}?")


def copy_repository(folder: Path) -> None:
    """Copy the files that git tracks or does not ignore, as they are now, and what Python compiled of them,
    which takes it seconds.
    """
    listed = [GIT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=ROOT, text=True).split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for package in ("streams", "tests", "generators"):
        for compiled in (ROOT / package).rglob("__pycache__"):
            shutil.copytree(compiled, folder / compiled.relative_to(ROOT), dirs_exist_ok=True)
