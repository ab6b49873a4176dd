"""Brokers whose records nobody reads after the test."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.tools import locked
from tocsin_demo.local_kafka import LocalKafka


@contextmanager
def throwaway_broker(folder: Path) -> Iterator[LocalKafka]:
    """A running broker, killed at the end: to stop, it would flush each of its hundreds of partitions, for up
    to ten seconds.
    """
    broker = LocalKafka(folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@contextmanager
def shared_broker(folder: Path) -> Iterator[str]:
    """The address of one broker for all processes that name the same folder: each of its own would take
    nearly a minute of processor time.

    The first process starts it and, since it ends with that process, keeps it until nobody uses it.
    """
    address = folder / "address"
    guard = folder / "guard"
    with (folder / "users").open("w") as users:
        with locked(guard):
            fcntl.flock(users, fcntl.LOCK_SH)
            if address.exists():
                started = None
            else:
                started = LocalKafka(folder / f"broker-{os.getpid()}")
                started.start()
                address.write_text(started.bootstrap)
        try:
            yield address.read_text()
        finally:
            if started is None:
                fcntl.flock(users, fcntl.LOCK_UN)
            else:
                while not _ended(started, address, guard, users):
                    time.sleep(0.2)


def _ended(broker: LocalKafka, address: Path, guard: Path, users: IO[str]) -> bool:
    """Kill a shared broker, unless other processes use it."""
    with locked(guard):
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # To ask may have cost the shared lock.
            fcntl.flock(users, fcntl.LOCK_SH)
            return False
        address.unlink()
        broker.kill()
        return True
