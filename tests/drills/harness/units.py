"""The machines' service manager of a drill: workers and brokers as units that can be started, stopped and killed.

It restarts a worker as the systemd unit in docs/deployment.md says: after 5 seconds, unless it exited with 0.
"""

import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tests.kafka.harness.workers import ROOT, clean_environment

RESTART_SECONDS = 5.0
_STOP_SECONDS = 25


class Unit(Protocol):
    """A program that somebody watches over."""

    def start(self) -> None:
        """Start it. Does nothing if it runs."""

    def stop(self) -> None:
        """End it in good order and leave it so."""

    def signal(self, number: signal.Signals) -> None:
        """Send its process a signal."""


class WorkerUnit:
    """A worker under its supervisor. `settings` and `command` may be changed before a start."""

    def __init__(self, settings: Mapping[str, str], command: Sequence[str], log: Path) -> None:
        self.settings = dict(settings)
        self.command = command
        self.starts = 0
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = threading.Event()
        self._unwanted.set()
        self._supervisor: threading.Thread | None = None

    @property
    def text(self) -> str:
        """The log of all its processes so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def address(self) -> str:
        """Where it serves its metrics."""
        return f"127.0.0.1:{self.settings['TOCSIN_HTTP_PORT']}"

    def start(self) -> None:
        """Start it and watch over it."""
        if self._supervisor is not None and self._supervisor.is_alive():
            return
        self._unwanted.clear()
        self._launch()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that does not end it in time."""
        self._unwanted.set()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._supervisor is not None:
            self._supervisor.join()

    def signal(self, number: signal.Signals) -> None:
        """Send the running process a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self) -> None:
        """Kill it whatever its state, at the end of a drill."""
        self._unwanted.set()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self._supervisor is not None:
            self._supervisor.join()

    def _launch(self) -> None:
        self.starts += 1
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=clean_environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _supervise(self) -> None:
        while True:
            assert self._process is not None
            if self._process.wait() == 0 or self._unwanted.wait(RESTART_SECONDS):
                return
            self._launch()


class BrokerUnit:
    """A broker. Nothing restarts it by itself: that is what its drills are about."""

    def __init__(self, start: Callable[[], None], stop: Callable[[], None], kill: Callable[[], None]) -> None:
        self._start, self._stop, self._kill = start, stop, kill

    def start(self) -> None:
        """Start it and return when it serves clients."""
        self._start()

    def stop(self) -> None:
        """Shut it down."""
        self._stop()

    def signal(self, number: signal.Signals) -> None:
        """Kill it; no drill needs another signal."""
        assert number is signal.SIGKILL
        self._kill()
