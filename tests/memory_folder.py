"""A folder in memory for what a session of tests writes: brokers make and delete thousands of small files."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.tools import locked

_MEMORY = Path("/dev/shm")
_LOCK = "in-use"
# What all tests of `make test` hold at the same time, several times over.
_NEEDED_BYTES = 4 << 30


@contextmanager
def memory_folder() -> Iterator[None]:
    """A block in which this process, and those that it starts, make temporary files in memory.

    On a disk a broker takes twice the processor's time. It is not used where there is little memory, or
    where programs in it may not run, and never if TMPDIR says where to write.
    """
    if "TMPDIR" in os.environ or not _is_usable():
        yield
        return
    _remove_unused()
    made = tempfile.TemporaryDirectory(prefix="tocsin-tests-", dir=_MEMORY, ignore_cleanup_errors=True)
    with made as folder, locked(Path(folder) / _LOCK), pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        # Found out anew.
        patch.setattr(tempfile, "tempdir", None)
        yield


def _is_usable() -> bool:
    if not os.access(_MEMORY, os.W_OK | os.X_OK) or shutil.disk_usage(_MEMORY).free < _NEEDED_BYTES:
        return False
    return not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC


def _remove_unused() -> None:
    """Delete what sessions that were killed have left."""
    for lock in _MEMORY.glob(f"tocsin-tests-*/{_LOCK}"):
        try:
            with lock.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:
            # In use, or another user's.
            continue
