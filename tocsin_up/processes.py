"""What the supervisor keeps running: Kafka, and the commands of `tocsin`."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import Final
from urllib.error import HTTPError
from urllib.request import urlopen

from tocsin_demo.local_kafka import LocalKafka, LocalKafkaError
from tocsin_demo.local_kafka.child_process import spawn
from tocsin_demo.local_kafka.probe import ready_cluster

# How long an answer about readiness may take. Half of the time between two questions would be seconds, too.
_ANSWER_SECONDS: Final = 2.0

# A worker commits the current transaction within 20 s. Intake and console answer what they have within 15 s.
_STOP_SECONDS: Final = 30.0
# Kafka writes what is in memory for each of a hundred partitions, on a disk that may be slow and busy.
_KAFKA_STOP_SECONDS: Final = 60.0
# After a power cut it reads what it had not closed, and a machine that has just started does much else.
_KAFKA_START_SECONDS: Final = 600.0

_LAST_LINES: Final = 8
# Of the log, for its last lines; Kafka's may be longer than anybody reads.
_TAIL_BYTES: Final = 16_384
_SHOWN: Final = 200


class StartFailed(Exception):
    """A process could not be started; the message says why."""


class Process(ABC):
    """A process that is started again and again, and its log."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log

    @abstractmethod
    def start(self) -> None:
        """Start it; blocks for seconds. Raises StartFailed."""

    @property
    @abstractmethod
    def pid(self) -> int | None:
        """Its id, None if it does not run."""

    @property
    def exit_code(self) -> int | None:
        """What its end says, as Popen does; None while it runs, or if its exit codes say nothing."""
        return None

    @abstractmethod
    def ending(self) -> str:
        """How it ended, after it did."""

    @abstractmethod
    def reason_not_ready(self) -> str | None:
        """Why it does not do its work now; None if it does. Blocks for two seconds at most."""

    @abstractmethod
    def stop(self) -> bool:
        """Ask it to end, wait, and kill it if it takes too long; return whether it ended by itself."""

    @abstractmethod
    def kill(self) -> None:
        """Kill it."""

    def tail(self) -> str:
        """The last lines that it logged."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(line[:_SHOWN] for line in lines[-_LAST_LINES:])


class Command(Process):
    """A command of `tocsin`, run in the folder with its settings; `pages` is where it serves /readyz."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        folder: Path,
        log: Path,
        environment: Mapping[str, str],
        pages: str,
    ) -> None:
        super().__init__(name, log)
        # -P: what lies in the folder is no package of this program.
        self._command = [sys.executable, "-P", "-m", "streams.commands.main", *arguments]
        self._folder = folder
        self._environment = environment
        self._pages = pages
        self._process: Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        try:
            self._process = spawn(
                self._command, folder=self._folder, log=self.log, environment=self._environment
            )
        except OSError as error:
            raise StartFailed(f"cannot be started: {error.strerror}") from error

    @property
    def pid(self) -> int | None:
        """Its id, None if it does not run."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    @property
    def exit_code(self) -> int | None:
        """As Popen: negative for a signal, None while it runs."""
        return None if self._process is None else self._process.poll()

    def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        assert self._process is not None
        return self._process.wait()

    def ending(self) -> str:
        """How it ended."""
        code = self.exit_code
        return (
            f"was killed by signal {-code}"
            if code is not None and code < 0
            else f"ended with exit code {code}"
        )

    def reason_not_ready(self) -> str | None:
        """What its /readyz says."""
        try:
            with urlopen(f"{self._pages}/readyz", timeout=_ANSWER_SECONDS):  # noqa: S310 - our own http address
                return None
        except HTTPError as error:
            return error.read(1000).decode(errors="replace").strip().removeprefix("not ready: ")
        except OSError:
            return "does not answer"

    def stop(self) -> bool:
        """Send SIGTERM, and kill it after 30 s."""
        process = self._process
        if process is None:
            return True
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except TimeoutExpired:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Kafka(Process):
    """The broker, whose records are in the folder."""

    def __init__(self, folder: Path, port: int, controller_port: int) -> None:
        self._broker = LocalKafka(
            folder,
            port=port,
            controller_port=controller_port,
            synced=True,
            start_seconds=_KAFKA_START_SECONDS,
        )
        super().__init__("kafka", self._broker.log)

    def start(self) -> None:
        """Start it, and return once it serves."""
        try:
            self._broker.start()
        except (LocalKafkaError, OSError) as error:
            raise StartFailed(str(error)) from error

    @property
    def pid(self) -> int | None:
        """Its id, None if it does not run."""
        return self._broker.pid

    def ending(self) -> str:
        """Kafka's own exit codes say nothing."""
        return "ended"

    def reason_not_ready(self) -> str | None:
        """Whether it has joined its cluster."""
        return None if ready_cluster(self._broker.port) else "does not answer"

    def stop(self) -> bool:
        """Shut it down, and kill it after 60 s."""
        self._broker.stop(_KAFKA_STOP_SECONDS)
        return True

    def kill(self) -> None:
        """Kill it."""
        self._broker.kill()
