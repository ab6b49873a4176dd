"""Brokers whose records nobody reads after the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
