"""`tocsin --help`, --version and the completion of commands import no command, and nothing but click."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.commands.table import COMMANDS

ROOT = Path(__file__).parents[2]

_BEFORE = "import atexit, sys, click"
_PRINTED = "atexit.register(lambda: print(*sorted(sys.modules), sep='\\n', file=sys.stderr))"
_RUN = """
from streams.commands.main import main
sys.argv = ["tocsin", *sys.argv[1:]]
main()
"""


def imported(program: str, *arguments: str, **variables: str) -> set[str]:
    """The names of the modules that a program has imported when it ends."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("TOCSIN_", "_TOCSIN_"))}
    done = subprocess.run(
        [sys.executable, "-c", f"{_BEFORE}\n{_PRINTED}\n{program}", *arguments],
        cwd=ROOT,
        env=kept | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not program or done.stdout
    return set(done.stderr.split())


def of_others(modules: set[str]) -> set[str]:
    """The packages that are neither ours nor the standard library's."""
    return {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"streams"}


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--help"], {}),
        (["--version"], {}),
        ([], {"_TOCSIN_COMPLETE": "bash_complete", "COMP_WORDS": "tocsin c", "COMP_CWORD": "1"}),
    ],
    ids=["help", "version", "completion"],
)
def test_what_lists_the_commands_imports_none(arguments, variables):
    modules = imported(_RUN, *arguments, **variables)
    assert {name for name in modules if name.startswith("streams")} == {
        "streams",
        "streams.commands",
        "streams.commands.main",
        "streams.commands.shared",
        "streams.commands.shared.suggesting_group",
        "streams.commands.shared.terminal",
        "streams.commands.table",
        "streams.distribution",
    }
    assert of_others(modules) == of_others(imported(""))


def test_a_command_imports_no_other():
    modules = imported(_RUN, "completion", "bash")
    commands = {place.partition(":")[0] for place, _ in COMMANDS.values()}
    assert commands & modules == {"streams.commands.completion"}
    assert not {"faust", "aiokafka"} & modules
