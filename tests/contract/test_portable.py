"""What `make demo` needs is in no tool that only GNU has: macOS has make 3.81, and the tools of BSD."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.tools import program

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")

# Since make 3.82: macOS would reject the whole file, or read it otherwise.
NEWER_MAKE = {
    "a function": r"\$\((?:file|guile|intcmp|let) ",
    "an operator": r"^[\w.]+ *(?:!=|::=|:::=)",
    "a directive": r"^(?:\.ONESHELL|\.RECIPEPREFIX|undefine |private )",
    "grouped targets": r"^[^\t#]+ &:",
    "a variable exported for one target": r"^[^\t#=]+: *export ",
}
# And what stands before it where macOS has another name.
ONLY_GNU = {
    "nproc": r"(?<!\(shell )\bnproc\b(?! 2>/dev/null)",
    "sha256sum": r"\bsha256sum\b(?! 2>/dev/null)(?!,shasum)",
    "an escape in sed": r"\bsed\b[^|\n]*\\t",
    "sed that edits": r"\bsed -i\b",
    "readlink -f": r"\breadlink -f\b",
    "grep -P": r"\bgrep -\w*P\b",
    "GNU date": r"\bdate (?:-d|--)",
    "GNU xargs": r"\bxargs -r\b",
}
RECIPES = re.sub(r"^\s*#.*$", "", MAKEFILE, flags=re.MULTILINE)


@pytest.mark.parametrize("what", NEWER_MAKE)
def test_the_makefile_is_one_for_the_make_of_macos(what):
    assert re.findall(NEWER_MAKE[what], RECIPES, re.MULTILINE) == []


@pytest.mark.parametrize("what", ONLY_GNU)
def test_recipes_and_the_readme_use_what_bsd_has_too(what):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [each for each in re.findall(ONLY_GNU[what], RECIPES + readme)] == []


def test_no_two_files_have_names_that_differ_only_in_case():
    names = subprocess.check_output(
        [program("git", "apt-get install git"), "ls-files", "-z"], cwd=ROOT, text=True
    ).split("\0")
    assert len({name.casefold() for name in names}) == len(names)


def test_the_targets_are_listed():
    done = subprocess.run(
        # Not told by the make that runs the tests that it is a part of that one.
        [program("make", "apt-get install make"), "--no-print-directory", "help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    listed = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert listed["demo"].startswith("Run the main job")
    assert set(listed) == set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))


def test_what_was_not_tried_is_not_claimed():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r'"Operating System :: (.+)"', project) == ["POSIX :: Linux"]
    assert re.findall(r'"Programming Language :: Python :: (3.+)"', project) == ["3.11"]
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert "and nowhere else" in page.partition("**Other systems.**")[2].partition("\n\n")[0]
