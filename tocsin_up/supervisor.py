"""Starts the processes in their order, keeps them running, and stops them in the opposite order."""

import asyncio
import os
import signal
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.running.operations.http_server import serve
from streams.running.topics.topic_admin import admin_client, create_topics
from streams.running.topics.topic_catalogue import load_catalogue
from streams.running.worker.environment import UP_PREFIX
from tocsin_up import machine, page
from tocsin_up.folder import Folder
from tocsin_up.keeping import Kept, Say
from tocsin_up.log_files import cut_large_logs
from tocsin_up.processes import Command, Kafka, Process, StartFailed
from tocsin_up.saves import Saves
from tocsin_up.settings import MachineSettings
from tocsin_up.started import record

# How often memory, disk and the sizes of logs are looked at.
_LOOK_SECONDS: Final = 10.0

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """The processes of one folder."""

    def __init__(self, folder: Folder, settings: MachineSettings, say: Say) -> None:
        self._folder = folder
        self._settings = settings
        self._say = say
        self._kafka = Kept(
            Kafka(folder.kafka, settings.kafka_port, settings.up.controller_port), say, self._record
        )
        # In the order in which they are started; they are stopped in the opposite one.
        self._kept = [self._kafka, *map(self._kept_command, settings.commands)]
        self._saves = Saves(folder.saves, settings.up.saves, self._saving, say)
        self._memory = 0
        self._disk = machine.disk_of(folder.path)

    async def run(self) -> None:
        """Run everything until SIGINT, SIGTERM or SIGHUP; a second signal kills what has not ended yet.

        Raises ClickException if Kafka or the topics cannot be had at the start, SettingsError if a process
        says at its start that a setting or a file is wrong, AddressRefused if the page's port is taken.
        """
        asked, impatient = asyncio.Event(), asyncio.Event()

        def signalled() -> None:
            (impatient if asked.is_set() else asked).set()

        for each in _SIGNALS:
            # As nohup has it.
            if signal.getsignal(each) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(each, signalled)
        own = self._settings.up
        async with serve(
            own.host,
            own.port,
            prefix=UP_PREFIX,
            metrics=None,
            liveness=lambda: "up",
            reason_not_ready=lambda: page.why_not_ready(self._kept, self._disk),
            status=lambda: page.status(self._kept, self._saves, self._memory, self._disk),
            page=lambda: page.as_html(self._settings, self._kept, self._saves, self._memory, self._disk),
        ):
            tasks: list[asyncio.Task[Any]] = []
            try:
                await self._until(asked, tasks)
            finally:
                await self._stop(tasks, impatient)

    async def _until(self, asked: asyncio.Event, tasks: list[asyncio.Task[Any]]) -> None:
        """Start everything, and return when it is asked to end. What goes on is in `tasks`."""

        def begin(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
            tasks.append(asyncio.create_task(work))
            return tasks[-1]

        ending = begin(asked.wait())
        for start in (self._start_kafka, self._create_topics):
            await _first_of(begin(start()), ending)
            if asked.is_set():
                return
        going_on = [ending, begin(self._look()), *(begin(each.keep()) for each in self._kept)]
        await _first_of(begin(self._all_ready()), *going_on)
        if not asked.is_set():
            await _first_of(begin(self._saves.keep_saving()), *going_on)

    async def _start_kafka(self) -> None:
        self._say("starting Kafka ...")
        try:
            await asyncio.to_thread(self._kafka.process.start)
        except StartFailed as error:
            raise click.ClickException(f"Kafka could not be started: {error}") from error
        self._record()

    async def _create_topics(self) -> None:
        """Create the topics that are missing: at the first start all, after an upgrade the new ones."""
        own = self._settings.worker
        with broker_errors_explained(own):
            async with admin_client(own.connection()) as admin:
                await create_topics(admin, load_catalogue(), own.topic_prefix, own.partitions, 1, 1)

    async def _all_ready(self) -> None:
        self._say(f"starting {', '.join(self._settings.commands)} ...")
        for each in self._kept:
            await each.ready.wait()
        self._measure()
        self._say(
            f"everything works, and takes {machine.shown_bytes(self._memory)} of memory now.\n"
            + "\n".join(f"  {each.what:24} {each.address}" for each in self._settings.for_people)
            + "\nCtrl-C stops it."
        )

    async def _look(self) -> None:
        while True:
            await asyncio.to_thread(self._measure)
            logs = [*self._folder.logs.glob("*.log"), self._kafka.process.log]
            try:
                await asyncio.to_thread(cut_large_logs, logs)
            except OSError as error:
                self._say(f"a log could not be cut: {error}")
            await asyncio.sleep(_LOOK_SECONDS)

    def _measure(self) -> None:
        pids = [os.getpid(), *(pid for each in self._kept if (pid := each.process.pid))]
        self._memory = machine.memory_bytes(pids)
        self._disk = machine.disk_of(self._folder.path)

    async def _stop(self, tasks: list[asyncio.Task[Any]], impatient: asyncio.Event) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        running: list[Process] = [each.process for each in self._kept]
        if self._saves.running is not None:
            running.append(self._saves.running)
        killing = asyncio.create_task(_kill_when(impatient, running))
        for process in reversed(running):
            if process.pid is not None or process is self._kafka.process:
                self._say(f"stopping {process.name} ...")
                if not await asyncio.to_thread(process.stop):
                    self._say(f"{process.name} did not end in time and was killed")
        killing.cancel()
        with suppress(asyncio.CancelledError):
            await killing
        self._record()

    def _kept_command(self, name: str) -> Kept:
        arguments, pages = self._settings.commands[name], self._settings.pages(name).address
        return Kept(self._command(name, arguments, pages), self._say, self._record)

    def _command(self, name: str, arguments: Sequence[str], pages: str) -> Command:
        log = self._folder.logs / f"{name}.log"
        environment = self._settings.environment_of(name)
        return Command(name, arguments, self._folder.path, log, environment, pages)

    def _saving(self, file: Path) -> Command:
        # It serves no pages.
        return self._command("save", ("state", "save", str(file)), "")

    def _record(self) -> None:
        # In the order in which the next start would have to end them.
        pids = {each.process.name: pid for each in reversed(self._kept) if (pid := each.process.pid)}
        try:
            record(self._folder.processes, pids)
        except OSError as error:
            # A full disk is no reason to end. The next supervisor does not know of these processes then, if
            # this one is killed where they outlive it.
            self._say(f"{self._folder.processes} could not be written: {error.strerror}")


async def _first_of(*tasks: asyncio.Task[Any]) -> None:
    """Wait for the first that ends, and raise its error."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _kill_when(impatient: asyncio.Event, processes: list[Process]) -> None:
    await impatient.wait()
    for process in processes:
        process.kill()
