"""Brokers and workers with a wrong clock, by libfaketime: a library that is loaded first and shifts what the
system says.
"""

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tocsin_demo.local_kafka import LocalKafka, java

_LIBRARY = "vendor/libfaketime/src/libfaketime.so.1"


def shifted(command: Sequence[str], seconds: int | Path) -> list[str]:
    """The command of a process whose clock is ahead by so many seconds, behind if negative, or by what a file
    says at each moment, such as `+120s`. The test is skipped if the library does not work here: its wheel
    holds one for Linux on x86-64 only.
    """
    spec = importlib.util.find_spec("libfaketime")
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    library = Path(folders[0]) / _LIBRARY if folders else None
    if library is None or not _works(library):
        pytest.skip("libfaketime does not work on this machine, so no process can have another clock")
    return [*_prefix(library, seconds), *command]


@contextmanager
def broker_with_clock(folder: Path, seconds: int | Path) -> Iterator[LocalKafka]:
    """A broker whose clock is `shifted`. A later start on the folder keeps its records."""
    usual = java.command

    def command(class_path: list[Path], scratch: Path, main: str, *arguments: str) -> list[str]:
        return shifted(usual(class_path, scratch, main, *arguments), seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(java, "command", command)
        broker = LocalKafka(folder)
        broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def _prefix(library: Path, seconds: int | Path) -> list[str]:
    by_file = [f"FAKETIME_TIMESTAMP_FILE={seconds}", "FAKETIME_NO_CACHE=1"]
    return [
        "/usr/bin/env",
        f"LD_PRELOAD={library}",
        *(by_file if isinstance(seconds, Path) else [f"FAKETIME={seconds:+d}s"]),
        # Java and asyncio measure durations with the monotonic clock. It must stay right, and waits on it
        # too: with the fix that the library would choose itself, a broker does not start.
        "DONT_FAKE_MONOTONIC=1",
        "FAKETIME_FORCE_MONOTONIC_FIX=0",
        # Times of files stay right.
        "NO_FAKE_STAT=1",
        # Nothing in shared memory that other processes would read, or that a killed process would leave.
        "FAKETIME_DISABLE_SHM=1",
    ]


def _works(library: Path) -> bool:
    command = [*_prefix(library, -86_400), sys.executable, "-c", "import time; print(time.time())"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode == 0 and abs(time.time() - 86_400 - float(done.stdout)) < 60
