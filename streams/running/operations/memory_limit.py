"""How much memory this process may take."""

import os
from pathlib import Path
from typing import Final

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")

# What a worker needs beside its state, measured with hostile records: docs/operations-design.md, 'Memory for
# records'.
BESIDE_STATE: Final = 512 * 1024 * 1024


def memory_limit(groups: Path = _GROUPS, own_group: Path = _OWN_GROUP) -> int | None:
    """Return the bytes that the process may take at most; None where that cannot be read.

    It is the smallest `memory.max` of its control group and those above it (version 2), or, if none has one,
    the memory of the machine. Within a container the group is the root of what can be seen.
    """
    limits = []
    group = groups / _path(own_group)
    while True:
        limits += _limit(group / "memory.max")
        if group in (groups, group.parent):
            break
        group = group.parent
    machine = _machine()
    if machine is not None:
        limits.append(machine)
    return min(limits, default=None)


def state_budget(limit: int) -> int:
    """Return the bytes that state may take of the memory `limit` of a process: what the rest does not need.

    Half of it, if that is more: a worker with so little memory has few records to handle, too.
    """
    return max(limit - BESIDE_STATE, limit // 2)


def _path(own_group: Path) -> str:
    """Return the path of the group of version 2: the line `0::/path`; the root without one."""
    try:
        lines = own_group.read_text().splitlines()
    except OSError:
        return ""
    return next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), "")


def _limit(file: Path) -> list[int]:
    try:
        text = file.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdecimal() else []


def _machine() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
