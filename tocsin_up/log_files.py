"""Keeps the logs of processes that run for years from filling the disk."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

# A worker logs some lines an hour; so many are weeks, or minutes of something that somebody has to look at.
_MOST_BYTES: Final = 16 * 1024**2


def cut_large_logs(logs: Iterable[Path], most_bytes: int = _MOST_BYTES) -> None:
    """Copy each log that is larger to one with `.1` at its end, and empty it.

    The process that writes it goes on at the new end, because it appends. Lines that it writes between the
    two steps are lost.
    """
    for log in logs:
        if log.exists() and log.stat().st_size > most_bytes:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            with log.open("r+b") as file:
                file.truncate()
