"""Programs that tests need and Python packages do not bring. Without one a test is skipped; CI installs all
and fails. And the lock with which processes of tests make something once.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest


def missing(what: str) -> None:
    """Skip the test; fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(what)
    # Also where a whole file needs it.
    pytest.skip(what, allow_module_level=True)


def program(name: str, remedy: str) -> str:
    """Find a program next to this Python or on the path."""
    beside = Path(sys.executable).with_name(name)
    path = str(beside) if beside.exists() else shutil.which(name)
    if path is None:
        missing(f"needs {name}: {remedy}")
    return path


def native_core() -> ModuleType:
    """Import the extension that `make native` builds."""
    try:
        import tocsin_native
    except ImportError as error:
        missing(f"needs the native core ({error}): make native")
    return tocsin_native


def npm_install(folder: Path, *packages: str, seconds: float = 120) -> None:
    """Install packages with exact versions into a folder. Their install scripts do not run."""
    npm = program("npm", "apt-get install npm")
    options = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefer-offline"]
    done = subprocess.run(
        [npm, "install", *options, *packages],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode != 0:
        missing(f"npm cannot install {', '.join(packages)}: {done.stderr[-300:]}")


def build_release(folder: Path, *options: str) -> None:
    """Build what `make dist` builds into a folder; the native core, which takes minutes, only by an option."""
    make = ["make", "--silent", "dist", f"DIST={folder}", f"BIN={Path(sys.executable).parent}"]
    done = subprocess.run(
        [*make, *(options or ["NATIVE_TARGETS="])],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made; other processes wait."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
