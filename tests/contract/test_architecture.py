"""docs/architecture.md says what is in the code: its paths, the names in them, the rooms and the arrows."""

import ast
import re
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
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
def arrows() -> set[tuple[str, str]]:
    """Which room imports which."""
    graph = grimp.build_graph("streams")
    rooms = {name for name in graph.find_children("streams") if graph.find_children(name)}
    return {
        (one.removeprefix("streams."), other.removeprefix("streams."))
        for one in rooms
        for other in rooms
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


def test_every_room_is_in_the_table():
    rooms = {path.parent.name for path in (ROOT / "streams").glob("*/__init__.py")}
    table = PAGE.partition("\n## A report")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == rooms


def test_the_picture_shows_the_imports_between_rooms(arrows):
    drawn = set(re.findall(r"^    (\w+) --> (\w+)$", PAGE, re.MULTILINE))
    assert drawn <= arrows
    # Every room uses these two, and commands use any room.
    left_out = {(one, other) for one, other in arrows if other in ("wire", "events") or one == "commands"}
    assert arrows - drawn <= left_out
