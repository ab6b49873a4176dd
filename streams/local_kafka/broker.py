"""A broker in a folder: its configuration, its records, its log, and the process that serves them."""

from __future__ import annotations

import atexit
import re
import shutil
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.local_kafka import jars, java, probe, properties
from streams.local_kafka.errors import LocalKafkaError
from streams.local_kafka.program import Program

# A start takes two to four seconds; a machine fifteen times slower is a broken one.
_START_SECONDS = 60.0

# A broker closes its files in well under a second; after a kill the next start checks them instead.
_STOP_SECONDS = 10.0

# How long a controller may take to give up on a broker whose session lasts 0.3 seconds.
_FENCING_SECONDS = 3.0

# The controller gathers records for 25 ms before it writes them; after ten times that they are written.
_SETTLE_SECONDS = 0.25


class LocalKafka:
    """One Kafka broker on loopback whose records live in a folder and survive restarts.

    Without a port it takes a free one, and the same again at every later start on that folder. As a context
    manager it starts on entry and stops on exit.
    """

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder.resolve()
        self.log = self.folder / "broker.log"
        self._data = self.folder / "data"
        self._properties = self.folder / "server.properties"
        before = properties.ports_in(self._properties.read_text()) if self._properties.exists() else None
        remembered, controller = before or (None, None)
        self.port = port or remembered or probe.free_port()
        self.controller_port = controller or probe.free_port(besides=self.port)
        self._program: Program | None = None
        self._class_path: list[Path] = []

    @property
    def bootstrap(self) -> str:
        """The address for clients, `host:port`; it is known before the start."""
        return f"{properties.LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The number of the broker's process, None when it is not running."""
        return self._program.pid if self._program is not None and self._program.running else None

    @property
    def running(self) -> bool:
        """Whether the broker's process is there."""
        return self.pid is not None

    def start(self) -> None:
        """Start the broker and return when it serves clients: a topic can be created at once.

        Does nothing when it is running. Raises LocalKafkaError, with the end of the broker's log, when the
        process ends or does not serve within 60 seconds, and when the port is taken or the jars or the Java
        runtime are not to be had; OSError when the folder cannot be written. Nothing is left running then.
        """
        if self.running:
            return
        for port in (self.port, self.controller_port):
            if not probe.is_free(port):
                raise LocalKafkaError(
                    f"port {port} is taken, by another program or by another broker on {self.folder}"
                )
        self._class_path = jars.broker_jars()
        # A killed broker leaves the native libraries that it had unpacked.
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir(parents=True)
        text = properties.render(data=self._data, port=self.port, controller_port=self.controller_port)
        self._properties.write_text(text)
        atexit.register(self.kill)
        try:
            self._start(time.monotonic() + _START_SECONDS)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the broker in good order, by force after 10 seconds. Does nothing when it is not running."""
        if self._program is not None:
            self._program.stop(_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the broker at once, as a crash would. Does nothing when it is not running."""
        atexit.unregister(self.kill)
        if self._program is not None:
            self._program.kill()
            self._program = None

    def log_tail(self) -> str:
        """Return the last lines, at most 40, of a broker that is running or has ended by itself."""
        return "" if self._program is None else self._program.tail()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, deadline: float) -> None:
        if not (self._data / "meta.properties").exists():
            tool = ["kafka.tools.StorageTool", "format", "--standalone", "--ignore-formatted"]
            cluster = ["--cluster-id", uuid.uuid4().hex, "--config", str(self._properties)]
            self._run("formatting the folder", deadline, *tool, *cluster).wait_for_success()
        elif not (self._data / ".kafka_cleanshutdown").exists():
            self._retire_crashed_broker(deadline)
        found = re.search(r"^cluster\.id=(\S+)$", (self._data / "meta.properties").read_text(), re.MULTILINE)
        cluster_id = found[1] if found else ""
        broker = self._run("the broker", deadline, "kafka.Kafka", str(self._properties))
        broker.wait_until(lambda: probe.ready_cluster(self.port) == cluster_id)

    def _retire_crashed_broker(self, deadline: float) -> None:
        # After a crash the broker still figures as the leader of its partitions. Kafka 4.3.1 then starts as
        # their leader until its old session ends, has no leader for a moment, and in that moment takes a
        # transaction whose commit was cut off by the crash for one whose topic is deleted: it is completed
        # without a marker, and its records and all later ones stay invisible to read_committed consumers for
        # ever (KAFKA-20734). So the controller first runs alone until it has given up on the old broker. The
        # new one is then let in at once, which saves more time than this takes.
        configuration = self.folder / "controller.properties"
        text = properties.render_controller(data=self._data, controller_port=self.controller_port)
        configuration.write_text(text)
        controller = self._run("the controller", deadline, "kafka.Kafka", str(configuration))
        controller.wait_until(lambda: controller.logged("Performing controller activation"))
        # The other line is not logged when the crash was before the broker had been let in.
        patience = time.monotonic() + _FENCING_SECONDS
        controller.wait_until(
            lambda: controller.logged("Fencing broker 1 ") or time.monotonic() > patience,
        )
        time.sleep(_SETTLE_SECONDS)
        controller.stop(_STOP_SECONDS)

    def _run(self, name: str, deadline: float, main: str, *arguments: str) -> Program:
        command = java.command(self._class_path, self.folder / "tmp", main, *arguments)
        self._program = Program(name, command, folder=self.folder, log=self.log, deadline=deadline)
        return self._program
