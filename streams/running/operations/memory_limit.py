"""How much memory this process may take."""

import os
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")


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
