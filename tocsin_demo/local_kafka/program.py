"""One Java program of the broker: starts it, waits for it, and raises errors that quote its log."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tocsin_demo.local_kafka import java
from tocsin_demo.local_kafka.child_process import spawn
from tocsin_demo.local_kafka.errors import LocalKafkaError

_POLL_SECONDS = 0.05

# Enough for a Java error with its causes.
_TAIL_LINES = 40


class Program:
    """A Java process that appends to a log file; it is running when the constructor returns.

    Every wait raises LocalKafkaError with the last lines that this process logged if the process ends too
    early or the deadline (on the monotonic clock) passes. After the deadline the process still runs; the
    caller kills it.
    """

    def __init__(self, name: str, arguments: list[str], *, folder: Path, log: Path, deadline: float) -> None:
        self._name = name
        self._log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        self._deadline = deadline
        try:
            self._process = spawn(arguments, folder=folder, log=log, environment=java.environment())
        except OSError as error:
            raise LocalKafkaError(f"cannot run {arguments[0]}: {error}") from error

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds while the process is running."""
        while not condition() or not self.running:
            if not self.running:
                raise self._failure(f"ended with exit code {self._process.returncode}")
            self._check_deadline()
            time.sleep(_POLL_SECONDS)

    def wait_for_success(self) -> None:
        """Wait until the process has ended with exit code 0."""
        while self.running:
            self._check_deadline()
            time.sleep(_POLL_SECONDS)
        if self._process.returncode != 0:
            raise self._failure(f"ended with exit code {self._process.returncode}")

    def logged(self, words: str) -> bool:
        """Whether this process has logged the text `words`."""
        return words.encode() in self._output()

    def tail(self) -> str:
        """Return the last lines, at most 40, that this process has logged."""
        return "\n".join(self._output().decode(errors="replace").splitlines()[-_TAIL_LINES:])

    def stop(self, seconds: float) -> None:
        """Send SIGTERM, and kill the process if it has not ended after `seconds`."""
        self._process.terminate()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        finally:
            # Runs even if a second Ctrl-C interrupts the wait.
            self.kill()

    def kill(self) -> None:
        """Kill the process, as a crash would."""
        self._process.kill()
        self._process.wait()

    def _output(self) -> bytes:
        with self._log.open("rb") as file:
            file.seek(self._log_start)
            return file.read()

    def _check_deadline(self) -> None:
        if time.monotonic() > self._deadline:
            raise self._failure("took too long")

    def _failure(self, what: str) -> LocalKafkaError:
        return LocalKafkaError(f"{self._name} {what}; the end of {self._log}:\n{self.tail()}")
