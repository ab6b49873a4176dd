"""A broker in a folder, which holds its configuration, records and log."""

from __future__ import annotations

import atexit
import re
import shutil
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from tocsin_demo.local_kafka import jars, java, probe, properties
from tocsin_demo.local_kafka.errors import LocalKafkaError
from tocsin_demo.local_kafka.program import Program

# A start takes two to four seconds, and more than a minute on two cores for which twenty processes wait.
# After three minutes something is wrong.
_START_SECONDS = 180.0

# A broker closes its files in well under a second. If it is killed, the next start checks them instead.
_STOP_SECONDS = 10.0

# How long a controller may take to fence a broker whose session lasts 0.3 seconds.
_FENCING_SECONDS = 3.0

# The controller collects records for 25 ms before it writes them; ten times that is a safe margin.
_SETTLE_SECONDS = 0.25


class LocalKafka:
    """One Kafka broker on loopback whose records live in a folder and survive restarts.

    Without `port` or `controller_port`, the first start takes a free port and later starts on the same folder
    reuse it. `synced` has each record on the disk before it is confirmed, for what must outlive the machine's
    power. A start may take `start_seconds`. As a context manager, the broker starts on entry and stops on
    exit.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        controller_port: int | None = None,
        synced: bool = False,
        start_seconds: float = _START_SECONDS,
    ) -> None:
        self.folder = folder.resolve()
        self.log = self.folder / "broker.log"
        self._data = self.folder / "data"
        self._properties = self.folder / "server.properties"
        before = properties.ports_in(self._properties.read_text()) if self._properties.exists() else None
        remembered, controller = before or (None, None)
        self.port = port or remembered or probe.free_port()
        self.controller_port = controller_port or controller or probe.free_port(other_than=self.port)
        self._synced = synced
        self._start_seconds = start_seconds
        self._program: Program | None = None
        self._class_path: list[Path] = []

    @property
    def bootstrap(self) -> str:
        """The address for clients, `host:port`; valid before the start too."""
        return f"{properties.LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id of the broker, None when it is not running."""
        return self._program.pid if self._program is not None and self._program.running else None

    @property
    def running(self) -> bool:
        """Whether the broker's process is running."""
        return self.pid is not None

    def start(self) -> None:
        """Start the broker and return when it serves clients, so topics can be created at once.

        Does nothing if it is running. Raises LocalKafkaError with the end of the broker's log if the process
        ends or does not serve in time; LocalKafkaError if a port is taken, or if the jars or the
        Java runtime are unavailable; OSError if the folder is not writable. No process is left running after
        an error.
        """
        if self.running:
            return
        for port in (self.port, self.controller_port):
            if not probe.is_free(port):
                raise LocalKafkaError(
                    f"port {port} is taken by another program, or by another broker on {self.folder}"
                )
        self._class_path = jars.broker_jars()
        # Remove the native libraries that a killed broker had unpacked.
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir(parents=True)
        text = properties.render(
            data=self._data, port=self.port, controller_port=self.controller_port, synced=self._synced
        )
        self._properties.write_text(text)
        atexit.register(self.kill)
        try:
            self._start(time.monotonic() + self._start_seconds)
        except BaseException:
            self.kill()
            raise

    def stop(self, seconds: float = _STOP_SECONDS) -> None:
        """Shut the broker down cleanly; kill it after so many seconds. Does nothing if it is not running."""
        if self._program is not None:
            self._program.stop(seconds)
        self.kill()

    def kill(self) -> None:
        """Kill the broker, as a crash would. Does nothing if it is not running."""
        atexit.unregister(self.kill)
        if self._program is not None:
            self._program.kill()
            self._program = None

    def log_tail(self) -> str:
        """Return the last lines of the log, at most 40; empty after `stop` or `kill`."""
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
        # After a crash the metadata still names the broker as the leader of its partitions. Kafka 4.3.1
        # starts as their leader until its old session ends, and then has no leader for a moment. In that
        # moment it takes a transaction whose commit was cut off by the crash for one whose topic is deleted,
        # and completes it without a marker: its records and all later ones stay invisible to read_committed
        # consumers for ever (KAFKA-20734). Therefore the controller first runs alone until it has fenced the
        # old broker. It then admits the new one at once, which saves more time than this takes.
        configuration = self.folder / "controller.properties"
        text = properties.render_controller(data=self._data, controller_port=self.controller_port)
        configuration.write_text(text)
        controller = self._run("the controller", deadline, "kafka.Kafka", str(configuration))
        controller.wait_until(lambda: controller.logged("Performing controller activation"))
        # The controller does not log this line if the broker crashed before it had joined, hence the limit.
        fencing_deadline = time.monotonic() + _FENCING_SECONDS
        controller.wait_until(
            lambda: controller.logged("Fencing broker 1 ") or time.monotonic() > fencing_deadline,
        )
        time.sleep(_SETTLE_SECONDS)
        controller.stop(_STOP_SECONDS)

    def _run(self, name: str, deadline: float, main: str, *arguments: str) -> Program:
        command = java.command(self._class_path, self.folder / "tmp", main, *arguments)
        self._program = Program(name, command, folder=self.folder, log=self.log, deadline=deadline)
        return self._program
