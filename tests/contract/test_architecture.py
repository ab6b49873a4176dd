"""The pages of the architecture say what is in the code: its paths, the names in them, packages and imports."""

import ast
import re
from collections import Counter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PAGES = (
    "docs/architecture.md",
    "docs/architecture-bundles.md",
    "docs/architecture-rules.md",
    "docs/recipes.md",
)
PAGE = "".join((ROOT / name).read_text(encoding="utf-8") for name in PAGES)
# The other parts of the page have tables of their own.
PACKAGES = PAGE.partition("## Packages and imports")[2].partition("\n## ")[0]
# Packages beside streams/.
BESIDE = {"tocsin_demo", "tocsin_up"}
PLACES = sorted(set(re.findall(r"`(streams/[\w/]+\.py):([\w.]+)`", PAGE)))


def names_in(path: str) -> set[str]:
    """Functions, classes and methods of a module; methods with the name of their class."""
    names = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            names |= {
                f"{node.name}.{each.name}"
                for each in ast.iter_child_nodes(node)
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return names


@pytest.fixture(scope="module")
def imports() -> set[tuple[str, str]]:
    """Which package imports which."""
    graph = grimp.build_graph("streams", *BESIDE)
    packages = {name for name in graph.find_children("streams") if graph.find_children(name)} | BESIDE
    return {
        (one.removeprefix("streams."), other.removeprefix("streams."))
        for one in packages
        for other in packages
        if one != other and graph.direct_import_exists(importer=one, imported=other, as_packages=True)
    }


def test_every_path_exists():
    there = re.sub(r"In a new file `[^`]+`", "", PAGE)
    paths = re.findall(r"`((?:streams|tests|docs|schemas)/[\w/.-]+?)(?::[\w.]+)?`", there)
    assert len(paths) > 40
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(("path", "name"), PLACES)
def test_every_step_names_a_function_of_its_file(path, name):
    assert name in names_in(path)


def packages(pattern):
    """The packages below streams/, with a dot between the names of each."""
    return {
        ".".join(path.parent.relative_to(ROOT / "streams").parts) for path in (ROOT / "streams").glob(pattern)
    }


def test_every_package_is_in_the_table():
    named = re.findall(r"^\| `(\w+)` \|", PACKAGES, re.MULTILINE)
    assert set(named) == packages("*/__init__.py") | BESIDE
    assert len(named) <= 11


def test_every_part_of_a_larger_package_is_in_the_second_table():
    larger = {"contract", "counting", "registry", "deciding", "running", "desk", "statutory"}
    parts = {name for name in packages("*/*/__init__.py") if name.partition(".")[0] in larger}
    assert set(re.findall(r"^\| `(\w+\.\w+)` \|", PACKAGES, re.MULTILINE)) == parts


def test_no_package_has_more_than_25_modules_at_one_level():
    modules = Counter(path.parent.relative_to(ROOT) for path in (ROOT / "streams").rglob("*.py"))
    assert {str(folder): count for folder, count in modules.items() if count > 25} == {}


def test_the_picture_shows_the_imports_between_packages(imports):
    drawn = set(re.findall(r"^    (\w+) --> (\w+)$", PAGE, re.MULTILINE))
    assert drawn <= imports
    # Every package uses the contract; commands and what lies beside streams/ use any package.
    left_out = {(one, other) for one, other in imports if other == "contract" or one in ("commands", *BESIDE)}
    assert imports - drawn <= left_out
