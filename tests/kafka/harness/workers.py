"""Worker processes as operators run them, with a supervisor that starts again what exited non-zero."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from tests.kafka.harness.fork_server import ROOT, Forked

COMMAND = (sys.executable, "-m", "streams.commands.main")
WORKER = (*COMMAND, "worker")
# A command that begins with this is a new interpreter's, as in production, and not a fork's.
EXECUTED = ("/usr/bin/env",)

_RUN = """
import sys
from streams.commands.main import main
sys.argv = ["tocsin", "worker"]
main()
"""

# Nothing of the shell that runs the tests: a TOCSIN_ variable there must not decide what is tested.
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "SYSTEMROOT", "TMPDIR")


def changed_worker(change: str) -> tuple[str, ...]:
    """The command of a worker that runs this Python first."""
    return sys.executable, "-c", change + _RUN


# Applies some two hundred reports per transaction instead of thousands, and waits before each commit. So a
# thousand reports are a backlog of about a second, and a fault at any moment is likely to be in the middle of
# a transaction.
HAVE_SMALL_CYCLES = """
import asyncio
from aiokafka import AIOKafkaProducer
from streams.running.log import memory
memory.MAX_POLLED_BYTES = memory.MAX_QUEUED_BYTES = 200_000
from streams.running.cycle import cycle
cycle.MAX_CYCLE_BYTES = 200_000

_commit = AIOKafkaProducer.commit_transaction

async def _commit_later(self):
    await asyncio.sleep(0.1)
    await _commit(self)

AIOKafkaProducer.commit_transaction = _commit_later
"""
SMALL_CYCLES = changed_worker(HAVE_SMALL_CYCLES)

# The brokers would miss a member after this time, so whatever is quicker does not come from them, and a worker may
# be slow to start, or suspended, on a busy machine. Faust allows no more than its requests take, 90 s.
HAVE_A_LONG_SESSION = """
from streams.running.app import faust_settings
faust_settings.SESSION_SECONDS = 85.0
"""
LONG_SESSION = changed_worker(HAVE_A_LONG_SESSION)


# Memory of a worker whatever it is sent, in MiB.
MOST_MIB = 512


def peak_mib(worker: "Worker") -> int:
    """Peak resident memory of a worker's process in MiB; 0 if it has ended."""
    try:
        status = Path(f"/proc/{worker.process.pid}/status").read_text()
    except FileNotFoundError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) // 1024 if found else 0


def patience() -> float:
    """What a limit on a wait is multiplied with: on a busy machine everything takes longer, and a test must
    not fail for that.
    """
    return max(1.0, 2 * os.getloadavg()[0] / (os.cpu_count() or 1))


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process of ours: these settings and no others."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    # Logs go to files, where the default is JSON.
    ours = {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), "TOCSIN_LOG_FORMAT": "console"}
    return kept | ours | dict(settings)


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    stdin: IO[Any],
    stdout: IO[Any],
    stderr: IO[Any],
    cwd: Path = ROOT,
) -> Forked | subprocess.Popen[bytes]:
    """Start a program: as a fork of what has imported its modules, if it is `tocsin` or Python code."""
    streams = (stdin, stdout, stderr)
    if tuple(command[: len(COMMAND)]) == COMMAND:
        return Forked(["tocsin", *command[len(COMMAND) :]], None, cwd=cwd, env=env, streams=streams)
    if tuple(command[:2]) == (sys.executable, "-c"):
        return Forked(["-c", *command[3:]], command[2], cwd=cwd, env=env, streams=streams)
    return subprocess.Popen(command, cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr)


def run(
    command: Sequence[str], *, env: Mapping[str, str], text: str = "", cwd: Path = ROOT, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Start a program, as `start` does, with this text as its input, and wait for its end."""
    with TemporaryFile("w+") as stdin, TemporaryFile("w+") as stdout, TemporaryFile("w+") as stderr:
        stdin.write(text)
        stdin.seek(0)
        process = start(command, env=env, stdin=stdin, stdout=stdout, stderr=stderr, cwd=cwd)
        try:
            code = process.wait(seconds * patience())
        finally:
            process.kill()
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(command, code, stdout.read(), stderr.read())


class Worker:
    """One process and its log."""

    def __init__(self, log: Path, settings: Mapping[str, str], command: Sequence[str] = WORKER) -> None:
        self.log = log
        self.started_at = time.monotonic()
        with log.open("wb") as output, open(os.devnull) as nothing:
            environment = clean_environment(settings)
            self.process = start(command, env=environment, stdin=nothing, stdout=output, stderr=output)

    @property
    def exit_code(self) -> int | None:
        """As Popen: negative for a signal, None while it runs."""
        return self.process.poll()

    @property
    def text(self) -> str:
        """The log so far."""
        return self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process."""
        self.process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Its exit code. Fails when it is still running after `seconds`, with `patience`."""
        started = time.monotonic()
        while True:
            try:
                return self.process.wait(min(seconds, 1))
            except subprocess.TimeoutExpired:
                waited = time.monotonic() - started
                assert waited < seconds * patience(), f"still running after {waited:.0f} s:\n{self.tail()}"

    def terminate(self) -> None:
        """End it as an operator would; it must go in good order."""
        self.signal(signal.SIGTERM)
        assert self.wait(15) == 0

    def tail(self, lines: int = 25) -> str:
        """The end of the log."""
        return "\n".join(self.text.splitlines()[-lines:])

    def end(self) -> None:
        """Kill it whatever its state, also when it was stopped by SIGSTOP."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Fleet:
    """The workers of one deployment. `tend` is what a supervisor does; call it while waiting."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.settings = dict(settings)
        # Of a usual worker.
        self.command: Sequence[str] = WORKER
        self.running: list[Worker] = []
        self.ended: list[Worker] = []
        self._folder = folder
        self._numbers = itertools.count()

    def start(self, command: Sequence[str] | None = None) -> Worker:
        """One worker more. Its supervisor starts a usual one in place of it."""
        log = self._folder / f"worker-{next(self._numbers)}.log"
        worker = Worker(log, self.settings, command or self.command)
        self.running.append(worker)
        return worker

    def tend(self) -> None:
        """Start again what exited by itself with an error; who exits with 0 was asked to go."""
        for worker in list(self.running):
            if worker.exit_code is not None:
                self.running.remove(worker)
                self.ended.append(worker)
                if worker.exit_code != 0:
                    self.start()

    @property
    def exit_codes(self) -> list[int | None]:
        """Exit codes of all that ended, in that order."""
        return [worker.exit_code for worker in self.ended]

    def wait_for(
        self, condition: Callable[[], bool], seconds: float, what: str, *, tend: bool = True
    ) -> float:
        """Tend the fleet until the condition holds; gives the seconds it took. `patience` extends the limit."""
        started = asked = time.monotonic()
        while not condition():
            if tend:
                self.tend()
            now = time.monotonic()
            waited = now - started
            assert waited < seconds * patience(), f"not within {waited:.0f} s: {what}\n{self.tails()}"
            # Some conditions read whole topics, and the workers need the processor.
            time.sleep(max(0.05, now - asked))
            asked = time.monotonic()
        return time.monotonic() - started

    def tails(self) -> str:
        """The ends of the newest logs, for the reader of a failure."""
        newest = [*self.ended[-2:], *self.running]
        return "\n".join(
            f"--- {worker.log.name} (exit code {worker.exit_code})\n{worker.tail()}" for worker in newest
        )

    def end(self) -> None:
        """Kill all, at the end of a test."""
        for worker in self.running:
            worker.end()
