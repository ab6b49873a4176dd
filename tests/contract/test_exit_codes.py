"""docs/exit-codes.md has every code that the program ends with, and what 1 says by command."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from streams.commands.explained_errors import EXIT_FAILED, EXIT_WRONG_INPUT
from streams.commands.main import commands
from streams.running.operations.watchdog import EXIT_CODE
from tests.command_tree import leaves, subcommand

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs/exit-codes.md").read_text(encoding="utf-8")
SOURCES = sorted(
    [
        ROOT / "tocsin.py",
        *(path for name in ("streams", "tocsin_demo", "tocsin_up") for path in (ROOT / name).rglob("*.py")),
    ]
)
# `main` hands on what explained_errors.py says, the demo's broker what its program says; a list of
# storylines ends `simulate` with 0. Beside foreign packages nothing was done.
HANDED_ON = {
    "tocsin_demo/simulate/command.py: context.exit()",
    "streams/commands/main.py: sys.exit(exit_code)",
    "tocsin.py: sys.exit(2)",
    "tocsin_demo/local_kafka/__main__.py: sys.exit(main())",
}


def command_of(path):
    group = commands
    for word in path:
        group = subcommand(group, word)
    return group


COMMANDS = {" ".join(path): command_of(path) for path in leaves(commands)}


def endings(tree):
    """The expressions by which a module ends the program, as text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("SystemExit", "exit", "quit") or called.endswith((".exit", "._exit", ".Exit")):
                yield ast.unparse(node)


def ends_with_1(function):
    """Whether a function, or one of its module that it calls, ends the program with 1 after it has worked."""
    module = ast.parse(inspect.getsource(inspect.getmodule(function)))
    defined = {
        node.name: node
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    left, seen = [function.__name__], set()
    while left:
        name = left.pop()
        if name in seen or name not in defined:
            continue
        seen.add(name)
        if "SystemExit(1)" in endings(defined[name]):
            return True
        left += [node.id for node in ast.walk(defined[name]) if isinstance(node, ast.Name)]
    return False


def test_the_program_ends_with_no_other_code():
    found = {
        f"{path.relative_to(ROOT)}: {each}"
        for path in SOURCES
        for each in endings(ast.parse(path.read_text(encoding="utf-8")))
    }
    others = {
        each for each in found if not each.endswith((": SystemExit(1)", ": os._exit(1)", "_exit(EXIT_CODE)"))
    }
    assert others == HANDED_ON
    assert (EXIT_FAILED, EXIT_CODE, EXIT_WRONG_INPUT) == (1, 1, 2)
    listed = re.findall(r"^\| (\d+) \|", SECTION, re.MULTILINE)
    assert listed == ["0", "1", "2", "143"]


def subclasses(kind):
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def test_every_error_of_a_command_line_ends_with_one_of_them():
    for name in COMMANDS:
        importlib.import_module(COMMANDS[name].callback.__module__)
    assert {each.exit_code for each in (click.ClickException, *subclasses(click.ClickException))} <= {1, 2}


def test_the_page_says_for_each_command_that_looks_for_something_when_it_ends_with_1():
    table = SECTION.partition("| ends with 1 |")[2]
    cells = re.findall(r"^\|([^|]+)\|", table, re.MULTILINE)
    named = {each for cell in cells for each in re.findall(r"`tocsin ([a-z -]+)`", cell)}
    assert named == {
        name for name, command in COMMANDS.items() if ends_with_1(inspect.unwrap(command.callback))
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_command_line_ends_with_2_in_the_style_of_all_errors(name):
    done = CliRunner().invoke(commands, [*name.split(), "--no-such-option"])
    assert done.exit_code == 2
    assert "\nError: " in f"\n{done.stderr}"
    assert done.stdout == ""


def test_what_is_said_beside_results_begins_with_a_capital():
    """`Error:`, `Warning:` and `Note:`, as click writes the first."""
    small = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in SOURCES
        for found in re.findall(
            r"""echo\(\s*f?["'](?:error|warning|note): .{20}""", path.read_text(encoding="utf-8")
        )
    ]
    assert small == []
