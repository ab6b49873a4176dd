"""Which processes were started, so that the next start finds those that outlived their supervisor.

Linux kills them with the supervisor. macOS does not: there a supervisor that was killed leaves them behind,
and they would go on with ports and topics that the next one wants.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

# What each of them gets to end in good order. The worker finishes a transaction within 20 s.
_END_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1


def record(file: Path, pids: Mapping[str, int]) -> None:
    """Write which processes run, by their names in the order in which they are to be ended."""
    started = [
        {"name": name, "pid": pid, "started": since}
        for name, pid in pids.items()
        if (since := started_at(pid)) is not None
    ]
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(started))
    partial.replace(file)


def end_left_over(file: Path) -> list[str]:
    """End the recorded processes that still run, one after the other; return what was ended.

    A process that has got the id of an ended one since then is left alone: it started at another time.
    """
    try:
        started = json.loads(file.read_text())
    except (OSError, ValueError):
        return []
    ended = []
    for each in started:
        name, pid, since = each["name"], each["pid"], each["started"]
        if started_at(pid) != since:
            continue
        ended.append(f"{name} (process {pid})")
        deadline = time.monotonic() + _END_SECONDS
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            while started_at(pid) == since:
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(_POLL_SECONDS)
    return ended


def started_at(pid: int) -> str | None:
    """When a process started, as text that no other process with this id has; None if it does not run."""
    return _from_proc(pid) if Path("/proc/self/stat").exists() else _from_ps(pid)


def _from_proc(pid: int) -> str | None:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The name of the program, in parentheses, may have spaces. State is the field after it, the start (in
    # ticks since the boot) the nineteenth after that.
    fields = status.rpartition(")")[2].split()
    return None if fields[0] == "Z" else f"{boot} {fields[19]}"


def _from_ps(pid: int) -> str | None:
    asked = subprocess.run(  # noqa: S603 - no shell, and the argument is a number
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    status, _, since = asked.stdout.strip().partition(" ")
    return None if not since or status.startswith("Z") else since.strip()
