"""A broker in a folder: its configuration, its records, its log, and the process that serves them."""

from __future__ import annotations

import atexit
import re
import shutil
import subprocess
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.local_kafka import jars, java, probe, properties
from streams.local_kafka.errors import LocalKafkaError

# A start takes about two seconds; a machine thirty times slower is a broken one.
_START_SECONDS = 60.0
_POLL_SECONDS = 0.05

# A broker closes its files in well under a second; after a kill the next start checks them instead.
_STOP_SECONDS = 10.0

# How long the controller, once active, may take to give up on a broker with a session of 0.3 s.
_FENCING_SECONDS = 3.0

# The controller gathers records for 25 ms before it writes them; ten times that is safely written.
_SETTLE_SECONDS = 0.25

# A Java error with its causes fits.
_TAIL_LINES = 40


class LocalKafka:
    """One Kafka broker on loopback whose records live in a folder and survive restarts.

    Without a port it takes a free one, and the same again at every later start on that folder. As a context
    manager it starts on entry and stops on exit.
    """

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder.resolve()
        self.log = self.folder / "broker.log"
        self._properties = self.folder / "server.properties"
        self._data = self.folder / "data"
        before = properties.ports_in(self._properties.read_text()) if self._properties.exists() else None
        remembered, controller = before or (None, None)
        self.port = port or remembered or probe.free_port()
        self._controller_port = controller or probe.free_port(besides=self.port)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients, `host:port`; it is known before the start."""
        return f"{properties.LOOPBACK}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the broker's process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the broker and return when it serves clients: a topic can be created at once.

        Does nothing when it is running. Raises LocalKafkaError, with the end of the broker's log, when the
        process ends or does not serve within 60 seconds, and when the jars or the Java runtime are not to be
        had; OSError when the folder cannot be written. Nothing is left running then.
        """
        if self.running:
            return
        scratch = self.folder / "tmp"
        # A killed broker leaves the native libraries that it had unpacked.
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        text = properties.render(data=self._data, port=self.port, controller_port=self._controller_port)
        self._properties.write_text(text)
        class_path = jars.broker_jars()
        # The clock starts after the jars: fetching them takes as long as the network does.
        deadline = time.monotonic() + _START_SECONDS
        log_start = self.log.stat().st_size if self.log.exists() else 0
        atexit.register(self.kill)
        try:
            if not (self._data / "meta.properties").exists():
                self._run(java.command(class_path, scratch, *self._format_arguments()))
                self._await_end(deadline, log_start)
            elif not (self._data / ".kafka_cleanshutdown").exists():
                self._fence(class_path, scratch, deadline, log_start)
            self._run(java.command(class_path, scratch, "kafka.Kafka", str(self._properties)))
            self._await_ready(deadline, log_start)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the broker in good order, by force after 10 seconds. Does nothing when it is not running."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                pass  # The kill below is for this, and for a second Ctrl-C during the wait.
            finally:
                self.kill()

    def kill(self) -> None:
        """End the broker at once, as a crash would. Does nothing when it is not running."""
        atexit.unregister(self.kill)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log_tail(self, since: int = 0) -> str:
        """Return the last lines that the broker has logged, at most 40, from the given byte of its log on."""
        if not self.log.exists():
            return ""
        lines = self.log.read_bytes()[since:].decode(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, command: list[str]) -> None:
        try:
            self._process = java.spawn(command, folder=self.folder, log=self.log)
        except OSError as error:
            raise LocalKafkaError(f"cannot run {command[0]}: {error}") from error

    def _format_arguments(self) -> list[str]:
        tool = ["kafka.tools.StorageTool", "format", "--standalone", "--ignore-formatted"]
        return [*tool, "--cluster-id", uuid.uuid4().hex, "--config", str(self._properties)]

    def _await_end(self, deadline: float, log_start: int) -> None:
        assert self._process is not None
        try:
            code = self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise self._failure("formatting the folder took too long", log_start) from None
        if code != 0:
            raise self._failure(f"formatting the folder ended with exit code {code}", log_start)

    def _fence(self, class_path: list[Path], scratch: Path, deadline: float, log_start: int) -> None:
        # After a crash the broker still figures as leader of its partitions. Kafka 4.3.1 then starts it as their
        # leader, the controller takes that back when the old session ends, and a transaction whose commit was
        # being written at the crash is taken for completed in the gap without its marker: its records stay
        # invisible to read_committed consumers, and so do all after them (KAFKA-20734). So the controller runs
        # alone until it has declared the old broker gone; the new one is then let in at once, too.
        configuration = self.folder / "controller.properties"
        configuration.write_text(
            properties.render_controller(data=self._data, controller_port=self._controller_port)
        )
        self._run(java.command(class_path, scratch, "kafka.Kafka", str(configuration)))
        while not self._logged("Performing controller activation", log_start):
            self._check_alive("the controller", deadline, log_start)
        patience = min(deadline, time.monotonic() + _FENCING_SECONDS)
        # Nothing comes when the crash was before the broker had been let in; then there is nothing to do either.
        while not self._logged("Fencing broker 1", log_start) and time.monotonic() < patience:
            self._check_alive("the controller", deadline, log_start)
        time.sleep(_SETTLE_SECONDS)
        assert self._process is not None
        self._process.terminate()
        self._await_end(deadline, log_start, expected=-signal.SIGTERM)

    def _logged(self, words: str, log_start: int) -> bool:
        return words.encode() in self.log.read_bytes()[log_start:]

    def _check_alive(self, what: str, deadline: float, log_start: int) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise self._failure(f"{what} ended with exit code {self._process.returncode}", log_start)
        if time.monotonic() > deadline:
            raise self._failure(f"{what} did not answer within {_START_SECONDS:.0f} seconds", log_start)
        time.sleep(_POLL_SECONDS)

    def _await_ready(self, deadline: float, log_start: int) -> None:
        assert self._process is not None
        found = re.search(r"^cluster\.id=(.+)$", (self._data / "meta.properties").read_text(), re.MULTILINE)
        cluster = found[1].strip() if found else None
        while cluster is None or probe.ready_cluster(self.port) != cluster:
            self._check_alive("the broker", deadline, log_start)
        # Whoever answered, it must have been ours: a process that could not have the port is ending by now.
        if not self.running:
            self._check_alive("the broker", deadline, log_start)

    def _failure(self, what: str, log_start: int) -> LocalKafkaError:
        return LocalKafkaError(f"{what}; the end of {self.log}:\n{self.log_tail(log_start)}")
