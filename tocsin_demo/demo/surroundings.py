"""What the demo starts for the time that it runs: a broker, topics, a worker and a console."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import click
from aiokafka.errors import GroupCoordinatorNotAvailableError

from streams.deciding.partition.hash_key import DEMONSTRATION_KEY
from streams.registry.loader import SHIPPED
from streams.running.identity import consumer_group
from streams.running.topics.topic_admin import admin_client, create_topics
from streams.running.topics.topic_catalogue import load_catalogue
from streams.running.worker.environment import CONSOLE_PREFIX
from streams.running.worker.settings import PREFIX, Settings
from tocsin_demo.local_kafka import LocalKafka
from tocsin_demo.local_kafka.jars import broker_jars

BOOTSTRAP = f"{PREFIX}KAFKA_BOOTSTRAP"
POLICIES = f"{PREFIX}POLICIES_FILE"
SHARED = (
    BOOTSTRAP,
    f"{PREFIX}TOPIC_PREFIX",
    f"{PREFIX}REPLICATION_FACTOR",
    f"{PREFIX}MIN_INSYNC_REPLICAS",
    f"{PREFIX}HASH_KEY",
    POLICIES,
)
"""The variables of the demo's environment that any command in another shell needs to see the same."""

# A worker starts in about three seconds on two busy cores, a console in two. One that needs twenty times as
# long has another problem.
_START_SECONDS = 60.0
_POLL_SECONDS = 0.1

# A worker leaves its group and closes its producers within a second or two. A console waits as long for open
# pages.
_STOP_SECONDS = 15.0
_LOG_LINES = 15


@contextmanager
def broker(folder: Path, fetched: Callable[[int, int], None]) -> Iterator[str]:
    """The value of TOCSIN_KAFKA_BOOTSTRAP, or else the address of a broker that it starts in `folder`.

    The first time it downloads the broker, and calls `fetched` with how many files of how many it has.
    """
    if BOOTSTRAP in os.environ:
        yield os.environ[BOOTSTRAP]
        return
    broker_jars(fetched)
    with LocalKafka(folder / "kafka") as kafka:
        yield kafka.bootstrap


def demo_environment(bootstrap: str, folder: Path) -> dict[str, str]:
    """The environment of the worker and of the demo's settings: one replica, and a topic prefix of its own.

    The stage of reporters is on, and brigades have less effect: the shipped policies with `integrity: live`
    are written to `folder`. The caller's other settings stay, policies for instance. If the demo starts its
    own broker, the caller's TOCSIN_KAFKA_ settings are dropped, because they belong to another one, and so
    are those of a console. The reporters are made up, so their key is a public one, and a secret key of the
    caller stays unused.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith((f"{PREFIX}HASH_KEY", CONSOLE_PREFIX))
    }
    if BOOTSTRAP not in inherited:
        inherited = {
            name: value for name, value in inherited.items() if not name.startswith(f"{PREFIX}KAFKA_")
        }
    if POLICIES not in inherited:
        inherited[POLICIES] = str(_live_policies(folder))
    return inherited | {
        BOOTSTRAP: bootstrap,
        f"{PREFIX}TOPIC_PREFIX": f"demo-{uuid.uuid4().hex[:6]}.",
        f"{PREFIX}REPLICATION_FACTOR": "1",
        f"{PREFIX}MIN_INSYNC_REPLICAS": "1",
        f"{PREFIX}HTTP_PORT": "0",
        # The logs go to files, but the demo shows their ends to people.
        f"{PREFIX}LOG_FORMAT": "console",
        f"{PREFIX}HASH_KEY": DEMONSTRATION_KEY.hex(),
        f"{CONSOLE_PREFIX}PORT": "0",
        f"{CONSOLE_PREFIX}METRICS_PORT": "0",
        f"{CONSOLE_PREFIX}DATABASE": str(folder / "console.sqlite"),
    }


def _live_policies(folder: Path) -> Path:
    shipped = (SHIPPED / "policies.yaml").read_text()
    written = folder / "policies.yaml"
    written.write_text(shipped.replace("integrity:\n  mode: shadow", "integrity:\n  mode: live", 1))
    return written


@asynccontextmanager
async def topics(settings: Settings) -> AsyncIterator[list[str]]:
    """Create the topics and give their names.

    At the end, delete them from brokers that the demo did not start.
    """
    async with admin_client(settings.connection()) as admin:
        names = await create_topics(admin, load_catalogue(), settings.topic_prefix, settings.partitions, 1, 1)
    try:
        yield names
    finally:
        # The demo's own broker is deleted with everything on it.
        if BOOTSTRAP in os.environ:
            async with admin_client(settings.connection()) as admin:
                await admin.delete_topics(names)


Found = TypeVar("Found")


class Program:
    """A process of `tocsin`, started as an operator starts it.

    As a context manager it stops with the block.
    """

    def __init__(self, command: str, environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._command = command
        with log.open("wb") as output:
            # In a session of its own, so that Ctrl-C reaches only the demo, which then stops the program in
            # an orderly way.
            self._process = subprocess.Popen(  # noqa: S603 - the demo names the command
                [sys.executable, "-m", "streams.commands.main", command],
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
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    def check(self) -> None:
        """Raise ClickException with the end of the program's log if it has ended."""
        code = self._process.poll()
        if code is not None:
            raise self.failure(f"the {self._command} ended with exit code {code}")

    def failure(self, what: str) -> click.ClickException:
        """An error with `what` went wrong and the last lines of the program's log."""
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return click.ClickException("\n".join([f"{what}. The {self._command}'s last lines:", *lines]))

    async def until(self, found: Callable[[], Awaitable[Found | None]]) -> Found:
        """Wait until something is found that shows that it is ready, and return that.

        Raises ClickException if it ends first or needs more than 60 s.
        """
        deadline = time.monotonic() + _START_SECONDS
        while (ready := await found()) is None:
            self.check()
            if time.monotonic() > deadline:
                raise self.failure(f"the {self._command} was not ready within {_START_SECONDS:.0f} s")
            await asyncio.sleep(_POLL_SECONDS)
        return ready


async def worker_ready(worker: Program, settings: Settings) -> None:
    """Wait until the worker owns its partitions. Raises ClickException."""
    async with admin_client(settings.connection()) as admin:
        await worker.until(lambda: _with_members(admin, consumer_group(settings.topic_prefix)))


async def console_address(console: Program) -> str:
    """Wait until the console serves, and return its address. Raises ClickException."""

    async def said() -> str | None:
        found = re.search(r"^console at (http\S+)$", console.log.read_text(errors="replace"), re.MULTILINE)
        return None if found is None else found[1]

    return await console.until(said)


async def _with_members(admin: Any, group: str) -> str | None:
    """The group if it has members that know what they own."""
    try:
        (response,) = await admin.describe_consumer_groups([group])
    except GroupCoordinatorNotAvailableError:
        # A new broker creates the topic for consumer groups only when the first group is used.
        return None
    return group if any(row[2] == "Stable" for row in response.groups) else None
