"""What the demo needs around it, for as long as it runs: a broker, topics, a worker."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

import click
from aiokafka.errors import GroupCoordinatorNotAvailableError

from streams.local_kafka import LocalKafka
from streams.runtime.topics import admin_client, create_topics, load_catalogue
from streams.worker.settings import PREFIX, Settings

BOOTSTRAP = f"{PREFIX}KAFKA_BOOTSTRAP"

# Takes about three seconds on two busy cores; a worker that needs twenty times that has another problem.
_WORKER_START_SECONDS = 60.0
_POLL_SECONDS = 0.1

# A worker leaves its group and closes its producers within a second or two.
_WORKER_STOP_SECONDS = 15.0
_LOG_LINES = 15


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """Address of the brokers to use: those of TOCSIN_KAFKA_BOOTSTRAP, or one of our own in `folder`."""
    if BOOTSTRAP in os.environ:
        yield os.environ[BOOTSTRAP]
        return
    with LocalKafka(folder / "kafka") as kafka:
        yield kafka.bootstrap


def demo_environment(bootstrap: str) -> dict[str, str]:
    """The environment of everything in this demo: one replica, and topics with a prefix of their own.

    Settings of the caller stay (policies, say), except those of another broker when ours is used.
    """
    inherited = dict(os.environ)
    if BOOTSTRAP not in inherited:
        inherited = {
            name: value for name, value in inherited.items() if not name.startswith(f"{PREFIX}KAFKA_")
        }
    return inherited | {
        BOOTSTRAP: bootstrap,
        f"{PREFIX}TOPIC_PREFIX": f"demo-{uuid.uuid4().hex[:6]}.",
        f"{PREFIX}REPLICATION_FACTOR": "1",
        f"{PREFIX}MIN_INSYNC_REPLICAS": "1",
        f"{PREFIX}HTTP_PORT": "0",
    }


@asynccontextmanager
async def topics(settings: Settings) -> AsyncIterator[list[str]]:
    """Create the topics, give their names, and delete them at the end."""
    async with admin_client(settings.connection()) as admin:
        names = await create_topics(admin, load_catalogue(), settings.topic_prefix, settings.partitions, 1, 1)
    try:
        yield names
    finally:
        # A broker of our own goes away with all it holds.
        if BOOTSTRAP in os.environ:
            async with admin_client(settings.connection()) as admin:
                await admin.delete_topics(names)


class WorkerProcess:
    """`tocsin worker` as its own process, as operators run it. As a context manager it ends with the block."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            # A session of its own: Ctrl-C reaches the demo, which then stops the worker in good order.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.commands.main", "worker"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_WORKER_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    def check(self) -> None:
        """Raise ClickException with the end of its log if the worker is gone."""
        code = self._process.poll()
        if code is not None:
            raise self.failure(f"the worker ended with exit code {code}")

    def failure(self, what: str) -> click.ClickException:
        """An error that also says what the worker logged last."""
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return click.ClickException("\n".join([f"{what}. The worker's last lines:", *lines]))

    async def ready(self, settings: Settings) -> None:
        """Wait until the worker owns its partitions. Raises ClickException if it ends or takes too long."""
        deadline = time.monotonic() + _WORKER_START_SECONDS
        async with admin_client(settings.connection()) as admin:
            while not await _has_members(admin, settings.topic_prefix + settings.app_id):
                self.check()
                if time.monotonic() > deadline:
                    raise self.failure(f"the worker did not take part within {_WORKER_START_SECONDS:.0f} s")
                await asyncio.sleep(_POLL_SECONDS)


async def _has_members(admin: Any, group: str) -> bool:
    try:
        (response,) = await admin.describe_consumer_groups([group])
    except GroupCoordinatorNotAvailableError:
        # A new broker makes the topic that groups live in when the first group comes.
        return False
    return any(row[2] == "Stable" for row in response.groups)
