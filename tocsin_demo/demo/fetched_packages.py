"""Plays the demo from the wheel alone: uv and pipx fetch its packages, and install nothing."""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

from streams.commands.shared.terminal import echo
from streams.distribution import ON_PACKAGE_INDEX, installed_wheel, requirement

# Set for the process that follows: if packages are missing there too, it says so and does not begin again.
_BEGUN_AGAIN: Final = "_TOCSIN_DEMO_BEGUN_AGAIN"


def begin_again_with_packages() -> None:
    """Replace this process by `tocsin demo` with its packages, if uvx or pipx runs this one.

    Returns if neither does, if the wheel is not there any more, or if this was done before.
    """
    runner = _runner()
    if runner is None or _BEGUN_AGAIN in os.environ or not (ON_PACKAGE_INDEX or installed_wheel()):
        return
    command = [*runner, requirement("console,demo"), "tocsin", *sys.argv[1:]]
    echo(f"Fetching the packages of the demo: {shlex.join(command)}", err=True)
    os.execvpe(command[0], command, os.environ | {_BEGUN_AGAIN: "1"})  # noqa: S606 - no word is a shell's


def _runner() -> list[str] | None:
    """How the program that runs this one runs a wheel with other packages; None if it is not known."""
    # Not that of the environment, which is deleted some day.
    python = ["--python", os.path.realpath(sys.executable)]
    if uv := os.environ.get("UV"):
        return [uv, "tool", "run", *python, "--from"]
    if (Path(sys.prefix) / "pipx_metadata.json").is_file() and (pipx := shutil.which("pipx")):
        return [pipx, "run", *python, "--spec"]
    return None
