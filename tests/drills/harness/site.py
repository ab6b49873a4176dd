"""A deployment that is watched as in production: brokers, workers under supervisors, traffic, alerts, a
terminal.
"""

import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.drills.harness.monitoring import Monitoring, monitoring
from tests.drills.harness.shell import Shell, signal_of
from tests.drills.harness.units import WorkerUnit
from tests.kafka.harness.deployment import Deployment
from tests.kafka.harness.reports import now_ms, spam_report
from tests.kafka.harness.workers import WORKER
from tocsin_demo.local_kafka import probe

_CHANNELS = 32


class Site:
    """As a context manager it starts the workers, `rate` reports a second and the monitoring, and ends them
    all.

    It begins when every worker is ready and no alert fires. `command` is that of the first workers; `spare`
    ones more can be started as units, and are scraped from then on.
    """

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        prefix: str,
        *,
        scale: float,
        workers: int = 2,
        rate: int = 20,
        brokers: Mapping[str, Callable[[], None]] | None = None,
        settings: Mapping[str, str] | None = None,
        command: Sequence[str] = WORKER,
        spare: int = 0,
        correct_clock: Callable[[], None] | None = None,
    ) -> None:
        self.scale = scale
        self._folder = folder
        self._rate = rate
        self._correct_clock = correct_clock
        self._stack = ExitStack()
        self.deployment = Deployment(bootstrap, prefix, folder, settings=dict(settings or {}))
        self._stack.callback(self.deployment.end)
        self.workers = [self._worker(number, command) for number in range(1, workers + 1)]
        self._spare = [self._worker(workers + number, WORKER) for number in range(1, spare + 1)]
        self._workers_by_name = {
            f"tocsin@{number}": worker for number, worker in enumerate([*self.workers, *self._spare], start=1)
        }
        self._brokers = dict(brokers or {})
        self.shell = Shell(folder / "terminal", self.deployment.settings, self._act)
        self._stack.callback(self.shell.close)
        self._publisher = self.deployment.publisher()
        self._quiet = threading.Event()
        self.monitoring: Monitoring

    def wait_for(self, condition: Callable[[], bool], seconds: float, what: str) -> float:
        """Wait until the condition holds; gives the seconds it took."""
        started = time.monotonic()
        while not condition():
            waited = time.monotonic() - started
            assert waited < seconds, f"not within {seconds:.0f} s: {what}\n{self.monitoring.describe()}"
            time.sleep(0.1)
        return time.monotonic() - started

    def all_ready(self) -> bool:
        """Whether every worker answers that it is ready."""
        return all(_answers(worker, "/readyz") for worker in self.workers)

    def set_rate(self, rate: int) -> None:
        """Publish so many reports a second from now on."""
        self._rate = rate

    def stop_traffic(self) -> None:
        """No more reports."""
        self._quiet.set()

    def __enter__(self) -> Self:
        try:
            for worker in self.workers:
                worker.start()
            addresses = [worker.address for worker in self.workers]
            self.monitoring = self._stack.enter_context(monitoring(self._folder, addresses, self.scale))
            self.wait_for(self.all_ready, 60, "every worker is ready")
            traffic = threading.Thread(target=self._publish, daemon=True)
            traffic.start()
            self._stack.callback(self._quiet.set)
            up = ["up"] * len(self.workers)
            self.wait_for(lambda: self.monitoring.prometheus.targets_up() == up, 30, "scraped")
            self.wait_for(lambda: not self.monitoring.firing(), 60, "no alert fires")
            self.wait_for(lambda: self.deployment.applied() > 5 * self._rate, 60, "reports are applied")
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in self._workers_by_name.values():
            worker.end()
            if error is not None:
                print(f"--- {worker.address}, {worker.starts} starts\n{worker.text[-3000:]}")
        self._stack.__exit__(kind, error, traceback)

    def _worker(self, number: int, command: Sequence[str]) -> WorkerUnit:
        settings = self.deployment.settings | {
            "TOCSIN_HTTP_PORT": str(probe.free_port()),
            "TOCSIN_INSTANCE": f"drill-{number}",
        }
        return WorkerUnit(settings, command, self._folder / f"worker-{number}.log")

    def _publish(self) -> None:
        number = 0
        while not self._quiet.wait(0.1):
            reports = [
                spam_report(n, f"channel-{n % _CHANNELS}", now_ms())
                for n in range(number, number + max(1, self._rate // 10))
            ]
            number += len(reports)
            self._publisher.send(reports)

    def _act(self, machine: str, arguments: list[str]) -> None:
        match arguments:
            case ["systemctl", "start", "kafka"]:
                self._brokers[machine]()
            case ["systemctl", "start", name]:
                self._unit(name).start()
                self._scrape(name)
            case ["systemctl", "stop", name]:
                self._unit(name).stop()
            case ["systemctl", "restart", name]:
                self._unit(name).stop()
                self._unit(name).start()
            case ["systemctl", "kill", option, name]:
                self._unit(name).signal(signal_of(option))
            case ["chronyc", "makestep"] if self._correct_clock is not None:
                self._correct_clock()
            case _:
                raise ValueError(f"the drill has no stand-in for: {' '.join(arguments)}")

    def _scrape(self, name: str) -> None:
        worker = self._workers_by_name.get(name)
        if worker is not None and worker not in self.workers:
            # In scaled time its start would look like two minutes without an answer.
            self.wait_for(lambda: _answers(worker, "/livez"), 60, f"{name} serves")
            self.workers.append(worker)
            self.monitoring.scrape([each.address for each in self.workers])

    def _unit(self, name: str) -> WorkerUnit:
        if name not in self._workers_by_name:
            raise ValueError(f"no unit {name}, only {sorted(self._workers_by_name)}")
        return self._workers_by_name[name]


def _answers(worker: WorkerUnit, path: str) -> bool:
    try:
        urllib.request.urlopen(f"http://{worker.address}{path}", timeout=1).close()
    except OSError:
        return False
    return True


def freeze(worker: WorkerUnit) -> None:
    """Stop a process where it is, as a machine that hangs does."""
    worker.signal(signal.SIGSTOP)
