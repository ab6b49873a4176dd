"""`tocsin up` as somebody runs it on a machine of their own: its processes, its page, and people who report to it."""

import itertools
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from streams.deciding.partition.hash_key import DEMONSTRATION_KEY
from tests.kafka.harness.reports import now_ms, rfc3339
from tests.kafka.harness.workers import Worker, patience
from tocsin_demo.local_kafka.probe import free_port
from tocsin_up.folder import Folder, held, prepare

_UP = """
import sys
from tests.kafka.harness import quick_java
from tocsin_demo.local_kafka import java
java.command = quick_java.command
sys.argv = ["tocsin", "up", "--data", {folder!r}]
from streams.commands.main import main
main()
"""
_PORT = re.compile(r"^(TOCSIN_\w*PORT=|TOCSIN_KAFKA_BOOTSTRAP=127\.0\.0\.1:)\d+$", re.MULTILINE)
PROCESSES = ("kafka", "worker", "intake", "console")


class Machine:
    """One folder, and the `tocsin up` that runs on it."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self.folder = Folder(folder)
        with held(self.folder):
            prepare(self.folder)
        # As a user edits it: others run tests on this machine, and the oracle knows one key.
        taken: set[int] = set()
        text = _PORT.sub(lambda found: found[1] + str(_other_port(taken)), self.folder.settings.read_text())
        key = DEMONSTRATION_KEY.hex()
        text = re.sub(r"^TOCSIN_HASH_KEY=.*$", f"TOCSIN_HASH_KEY={key}", text, flags=re.MULTILINE)
        self.folder.settings.write_text(text)
        # Nobody's quota ends a story.
        sources = self.folder.sources.read_text()
        self.folder.sources.write_text(sources + "    reports_per_minute: 60000\n")
        self.settings = dict(re.findall(r"^(TOCSIN_\w+)=(.*)$", text, re.MULTILINE))
        self._http = httpx.Client(timeout=20)
        self._logs = logs
        self._numbers = itertools.count()
        self.up: Worker | None = None

    @property
    def bootstrap(self) -> str:
        """The address of Kafka."""
        return self.settings["TOCSIN_KAFKA_BOOTSTRAP"]

    def address(self, variable: str) -> str:
        """Where the process listens whose port a variable has."""
        return f"http://127.0.0.1:{self.settings[variable]}"

    def as_here(self, shown: str) -> str:
        """What a page shows, with the address and the folder of this one."""
        shown = shown.replace("http://127.0.0.1:8490", self.address("TOCSIN_INTAKE_PORT"))
        return shown.replace("/srv/tocsin", str(self.folder.path))

    def start(self, installed: Path | None = None) -> Worker:
        """Start it; does not wait. `installed` is a program that knows nothing of this checkout."""
        log = self._logs / f"up-{next(self._numbers)}.log"
        command = (sys.executable, "-c", _UP.format(folder=str(self.folder.path)))
        # Every process of it can be found by this variable.
        environment = {"HOME_OF_UP": str(self.folder.path)}
        if installed is not None:
            command = (str(installed), "up", "--data", str(self.folder.path))
            environment["PYTHONPATH"] = ""
        self.up = Worker(log, environment, command)
        return self.up

    def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Wait until something is so."""
        began = time.monotonic()
        while not condition():
            said = "" if self.up is None else self.up.tail(60)
            assert time.monotonic() - began < seconds * patience(), f"not in time:\n{said}"
            assert self.up is None or self.up.exit_code is None, said
            time.sleep(0.1)

    def works(self) -> bool:
        """Whether its page says that everything works."""
        with suppress(httpx.TransportError):
            return self.get("TOCSIN_UP_PORT", "/readyz").status_code == 200
        return False

    def get(self, variable: str, path: str) -> httpx.Response:
        """A page of the process whose port a variable has."""
        return self._http.get(self.address(variable) + path)

    def ready(self) -> None:
        """Wait until everything works."""
        self.until(self.works)

    def cases(self, policy: str = "fraud") -> list[str]:
        """The cases of a policy on the console's desk."""
        return cases_at(self.address("TOCSIN_CONSOLE_PORT"), policy)

    def process(self, name: str) -> dict[str, object]:
        """What its page says of a process."""
        return self.get("TOCSIN_UP_PORT", "/status").json()["processes"][name]

    def kill(self, name: str) -> None:
        """SIGKILL one process, and wait until it is there again and everything works."""
        self.ready()
        before = self.process(name)
        os.kill(before["pid"], signal.SIGKILL)
        # Others may end for it, and be started again too: a worker whose Kafka is away for longer than a while.
        self.until(lambda: self.process(name)["restarts"] > before["restarts"] and self.works())

    def kill_all(self) -> None:
        """SIGKILL the supervisor and each process, at once."""
        pids = [self.process(name)["pid"] for name in PROCESSES]
        for pid in (self.up.process.pid, *pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.up.wait(30)

    def kill_supervisor(self) -> None:
        """SIGKILL the supervisor alone, and wait until its processes have ended with it."""
        self.up.signal(signal.SIGKILL)
        self.up.wait(30)
        self.up = None
        self.until(lambda: self.running() == [])

    def stop(self) -> None:
        """End it as an operator does; it must leave no process."""
        self.up.signal(signal.SIGTERM)
        assert self.up.wait(120) == 0, self.up.tail()
        assert self.running() == []

    def running(self) -> list[str]:
        """The command lines of running processes of this folder."""
        found = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if f"HOME_OF_UP={self.folder.path}\0".encode() in environ.read_bytes():
                    found.append((environ.parent / "cmdline").read_text().replace("\0", " "))
        return found

    def end(self) -> None:
        """Kill the supervisor at the end of a test; its processes end with it."""
        self._http.close()
        if self.up is not None:
            self.up.end()


def cases_at(console: str, policy: str = "fraud") -> list[str]:
    """The cases of a policy on the desk of the console at an address."""
    return re.findall(r'href="/cases/([^"]+)"', httpx.get(f"{console}/desk?policy={policy}", timeout=20).text)


class Forum:
    """Sends reports to the intake as services do: each again and again until it is taken.

    `intake` is its address, if it is not that of the machine; `first` the number of the first report.
    """

    def __init__(self, machine: Machine, intake: str | None = None, first: int = 0) -> None:
        self.taken: list[str] = []
        self._intake = intake or machine.address("TOCSIN_INTAKE_PORT")
        self._numbers = itertools.count(first)
        self._ended = threading.Event()
        self._token = {"Authorization": f"Bearer {machine.folder.secret.read_text().strip()}"}

    @contextmanager
    def reporting(self, senders: int = 3) -> Iterator[None]:
        """Report in the block."""
        with ThreadPoolExecutor(senders) as pool:
            sending = [pool.submit(self._send_on) for _ in range(senders)]
            try:
                yield
            finally:
                self._ended.set()
        for each in sending:
            each.result()

    def _send_on(self) -> None:
        with httpx.Client(timeout=20, headers=self._token) as http:
            while not self._ended.is_set():
                self._report(http, next(self._numbers))
                time.sleep(0.05)

    def _report(self, http: httpx.Client, number: int) -> None:
        """Report one of five rooms as a person of their own; return when it is taken."""
        report = {
            "report_id": f"r-{number}",
            "kind": "user_report",
            "occurred_at": rfc3339(now_ms()),
            "channel": {"ref": f"room {number % 5}", "visibility": "public"},
            "message_ref": f"message {number % 7}",
            "category": "fraud",
            "reporter": {"kind": "user", "ref": f"user {number}"},
        }
        began = time.monotonic()
        while True:
            with suppress(httpx.TransportError):
                answer = http.post(f"{self._intake}/v1/reports", json=report)
                if answer.status_code == 202:
                    break
                assert answer.status_code in (408, 429, 503), answer.text
            assert time.monotonic() - began < 120 * patience(), f"report {number} is not taken"
            time.sleep(0.1)
        self.taken.append(report["report_id"])


def _other_port(taken: set[int]) -> int:
    while (port := free_port()) in taken:
        pass
    taken.add(port)
    return port
