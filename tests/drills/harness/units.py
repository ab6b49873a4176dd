"""A worker as a unit of a service manager, which can be started, stopped and sent signals.

It is restarted as the systemd unit in docs/deployment.md says: after 5 seconds, unless it exited with 0.
"""

import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.kafka.harness.workers import ROOT, clean_environment

RESTART_SECONDS = 5.0
_STOP_SECONDS = 25


class WorkerUnit:
    """A worker under its supervisor. `settings` and `command` may be changed before a start."""

    def __init__(self, settings: Mapping[str, str], command: Sequence[str], log: Path) -> None:
        self.settings = dict(settings)
        self.command = command
        self.starts = 0
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = threading.Event()
        # No process is launched once it is set: the caller that stops the unit then knows the last one.
        self._launching = threading.Lock()
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
        with self._launching:
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
        with self._launching:
            self._unwanted.set()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self._supervisor is not None:
            self._supervisor.join()

    def _launch(self) -> None:
        with self._launching, self._log.open("ab") as output:
            if self._unwanted.is_set():
                return
            self.starts += 1
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
