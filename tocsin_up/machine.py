"""What the processes take of the machine: memory and disk."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from tocsin_demo.local_kafka.java import HEAP_MIB

# Below this much free space something has to be done soon: Kafka ends when it can write no more, and then
# takes no report.
LEAST_FREE_BYTES: Final = 2 * 1024**3


class Disk(NamedTuple):
    """Bytes that a folder takes, and that are free beside it."""

    taken: int
    free: int


def memory_bytes(pids: Iterable[int]) -> int:
    """The resident memory of processes. Pages that they share count for each; one that has ended has none."""
    return sum(map(_resident, pids))


def disk_of(folder: Path) -> Disk:
    """What a folder takes on its disk."""
    taken = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                # Blocks, because Kafka's indexes are files with holes.
                taken += (Path(path) / name).lstat().st_blocks * 512
            except FileNotFoundError:
                # Deleted since it was listed.
                continue
    return Disk(taken, shutil.disk_usage(folder).free)


def kafka_memory() -> str:
    """What Kafka may take, in words."""
    return f"Kafka's heap has {HEAP_MIB} MiB at most"


def shown_bytes(number: int) -> str:
    """Bytes as people read them."""
    return f"{number / 1024**3:,.1f} GiB" if number >= 1024**3 else f"{number / 1024**2:,.0f} MiB"


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass
    if Path("/proc/self").exists():
        return 0
    asked = subprocess.run(  # noqa: S603 - no shell, and the argument is a number
        ["/bin/ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return int(asked.stdout.strip() or 0) * 1024
