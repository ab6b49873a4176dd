"""Runs a console: the reader of topics, the writer of acts, and the server of pages, in one process."""

import asyncio
import contextlib
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from socket import socket

import structlog
import uvicorn
from aiokafka.errors import KafkaError
from starlette.types import ASGIApp

from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.topics import (
    CASE_ACTIVITY,
    CLOCK_OUTCOMES,
    DESK_VIEWS,
    MODERATION_OUTCOMES,
    RULE_CHANGES,
    RULE_TRIALS,
)
from streams.desk.console.casework.permissions import Person
from streams.desk.console.follower import Follower
from streams.desk.console.held import HeldActs
from streams.desk.console.live_feed import LiveFeed
from streams.desk.console.metrics import ConsoleMetrics, Timed, serve_metrics
from streams.desk.console.people.access import Access, load_access
from streams.desk.console.publisher import NotReadBack, Publisher
from streams.desk.console.read_model.database import Database, fit_to
from streams.desk.console.rule_acts import RuleActs, own_key
from streams.desk.console.rule_comparing import Comparing
from streams.desk.console.settings import ConsoleSettings
from streams.desk.console.terms import load_terms
from streams.desk.console.web.app import build_app
from streams.desk.console.web.context import Console
from streams.desk.console.web.security.slow_clients import CLOSE_SECONDS, REQUEST_SECONDS, BoundedProtocol
from streams.registry.rules import Rules
from streams.running.clients.kafka_writing import producer_for
from streams.running.clients.rules_in_force import catch_up, configured_rules_in_force, files_as_set
from streams.running.operations.address_refused import refusal_explained
from streams.running.operations.http_address import http_address
from streams.running.worker.environment import CONSOLE_PREFIX, SettingsError
from streams.running.worker.settings import Settings

logger = structlog.get_logger(__name__)

# How often to look for decisions without an outcome. One is only missing after a console was killed in
# between.
_REPAIR_SECONDS = 10.0

# How many open proposals are tried, so that people can see what they change. Each takes some ten megabytes.
_SHOWN_PROPOSALS = 3

# Of how many sets that were in force before the console can say that a case was judged by them, at once.
_LEARNT_SETS = 10

_WRITTEN = (CASE_ACTIVITY, CLOCK_OUTCOMES, DESK_VIEWS, MODERATION_OUTCOMES)

# An address with every filter, a session and what proxies add.
_MOST_HEADER_BYTES = 16 * 1024


async def run_console(settings: Settings, own: ConsoleSettings, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    `ready` is called with the address once pages can be asked for. Raises RegistryError if the registry's
    files, the people file or the terms are invalid, SettingsError if a setting or the file cannot be used,
    AddressRefused if a port is taken, a KafkaError if brokers cannot be reached or topics are missing.
    """
    rules = configured_rules_in_force(settings, _SHOWN_PROPOSALS)
    terms, (may_write, key) = load_terms(own.terms_file), own_key(settings)
    database, feed = Database(own.database), LiveFeed()
    with contextlib.closing(_opened(database, own.database)) as writer:
        follower = Follower(
            settings.connection(), settings.topic_prefix, writer, feed.tell, lambda: rules.now.categories
        )
        metrics = ConsoleMetrics(follower.progress, feed, rules.standing)
        written = (*_WRITTEN, *([RULE_CHANGES] if may_write else []))
        async with (
            # Before brokers are asked: a taken port is known at once.
            _listening(CONSOLE_PREFIX, own.host, own.port) as sockets,
            serve_metrics(own, metrics, follower.progress) as address,
            producer_for(settings, *(settings.topic_prefix + topic for topic in written)) as producer,
        ):
            logger.info("serving /metrics, /livez, /readyz and /status", address=address)
            await catch_up(settings, rules, RULE_TRIALS)
            # Pages may be asked for before the follower has begun.
            await asyncio.to_thread(fit_to, writer, rules.now.categories)
            access = load_access(own, rules.now.categories)
            rules.changed = partial(_use, access)
            publisher = Publisher(producer, settings.topic_prefix, database, follower.progress, metrics.acts)
            console = Console(
                own,
                database,
                publisher,
                follower.progress,
                feed,
                HeldActs(own.hold_seconds),
                rules,
                Comparing(rules, partial(files_as_set, settings)),
                RuleActs(producer, settings.topic_prefix, rules, key) if may_write else None,
                terms,
            )
            # Who works without sign-in and without a people file.
            app = build_app(
                console,
                lambda: Person(settings.actor or "desk-local", "lead", frozenset(rules.now.categories)),
                access,
            )
            await _serve(Timed(app, metrics), console, follower, metrics, sockets, ready)


def _use(access: Access, rules: Rules) -> None:
    if access.people is not None:
        access.people.use(rules.categories)


async def _serve(
    app: ASGIApp,
    console: Console,
    follower: Follower,
    metrics: ConsoleMetrics,
    sockets: list[socket],
    ready: Callable[[str], None],
) -> None:
    server = _Server(_configuration(app), console.feed, ready)
    reading = [asyncio.create_task(follower.run()), asyncio.create_task(console.rules.follow())]
    for each in reading:
        # Pages that no longer change would mislead those who decide by them.
        each.add_done_callback(lambda _: setattr(server, "should_exit", True))
    beside = [
        asyncio.create_task(_repair(console.publisher, follower, metrics)),
        asyncio.create_task(console.rules.learn_versions(_LEARNT_SETS)),
    ]
    try:
        await server.serve(sockets)
        # While what is written is still read back.
        await console.held.send_all()
    finally:
        for each in (*reading, *beside):
            each.cancel()
        ended = await asyncio.gather(*reading, return_exceptions=True)
        await asyncio.gather(*beside, return_exceptions=True)
    for failed in ended:
        if isinstance(failed, Exception):
            raise failed


class _Server(uvicorn.Server):
    """Says its address once it serves, which is the only way to learn a free port."""

    def __init__(self, config: uvicorn.Config, feed: LiveFeed, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._feed = feed
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGTERM and SIGINT.

        Uvicorn would raise them again at the end, and so fail instead of exiting with 0.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start to serve."""
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._ready(http_address(host, port))

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Stop to serve.

        Open pages would otherwise keep it waiting for as long as acts may take to be answered.
        """
        self._feed.end()
        await super().shutdown(sockets)


def _configuration(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=CLOSE_SECONDS,
        timeout_keep_alive=int(REQUEST_SECONDS),
        http=BoundedProtocol,
        ws="none",
        # The log is set up already.
        log_config=None,
        h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
    )


async def _repair(publisher: Publisher, follower: Follower, metrics: ConsoleMetrics) -> None:
    while True:
        await asyncio.sleep(_REPAIR_SECONDS)
        # Before it has caught up, a console does not know which outcomes there are.
        if follower.progress.caught_up:
            missing = await publisher.missing()
            metrics.decisions_without_outcome = len(missing)
            try:
                await publisher.repair(missing)
            except (KafkaError, NotReadBack, Rejected) as error:
                # The next look finds them again.
                logger.warning("could not write what follows from a decision", error=repr(error))


@asynccontextmanager
async def _listening(prefix: str, host: str, port: int) -> AsyncIterator[list[socket]]:
    """Sockets of an address, for a server, until the end of the block.

    Raises AddressRefused if another program has it.
    """
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        with refusal_explained(prefix, host, port):
            bound = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
            # asyncio resolves and binds; the copies outlive its server.
            sockets = [stack.enter_context(each.dup()) for each in bound.sockets]
            bound.close()
            for each in sockets:
                # Two that bind at the same moment learn of each other only here.
                each.listen()
        yield sockets


def _opened(database: Database, path: Path) -> sqlite3.Connection:
    """The connection that writes the read model in the file at `path`.

    Raises SettingsError if it cannot be used.
    """
    try:
        return database.open_writer()
    except (sqlite3.Error, OSError) as error:
        folder = path.absolute().parent
        if path.is_dir():
            why = "it is a folder"
        elif not folder.is_dir():
            why = f"there is no folder {folder}"
        else:
            why = str(error)
        raise SettingsError(
            f"{CONSOLE_PREFIX}DATABASE={path}: cannot be used ({why}). It must be a file, made if it is "
            "missing, in a folder that exists and in which this user may write; each console needs one of "
            "its own."
        ) from error
