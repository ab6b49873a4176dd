"""All workers of a deployment, and how long each of its partitions has no owner."""

import asyncio
from collections.abc import Iterable
from functools import cache
from typing import Any

from aiokafka import TopicPartition

from streams.contract.wire.topics import ENRICHED_REPORTS
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.deciding.requests.rules import compile_request_rules
from streams.deciding.requests.stage import request_stage
from streams.running.log.claims import StatePartition
from tests.model.virtual_time import VirtualLoop
from tests.scale.brokers import ScaleBrokers
from tests.scale.group import Group
from tests.scale.worker import Stages, Worker
from tests.shipped import RULES

# From the end of a process until its successor asks to join: a supervisor's pause, and Python's start.
RESTART_SECONDS = 3.0

# By then a fleet must have owners for all partitions again.
PATIENCE_SECONDS = 600.0


@cache
def shipped_stages() -> Stages:
    """The stages of a worker."""
    stages: tuple[Any, ...] = (
        report_stage(compile_report_rules(RULES)),
        reporter_stage(compile_reporter_rules(RULES)),
        request_stage(compile_request_rules(RULES)),
    )
    return {stage.name: stage for stage in stages}


class Fleet:
    """Workers, brokers and group. Use it within `run`."""

    def __init__(self, partitions: int, seed: int = 1) -> None:
        self.loop = VirtualLoop(lambda: False)
        self.stages = shipped_stages()
        self.partitions = partitions
        self.places = [StatePartition(name, n) for name in self.stages for n in range(partitions)]
        topics = [topic for stage in self.stages.values() for topic in stage.sources]
        self.brokers = ScaleBrokers(partitions)
        self.group = Group(self.brokers, topics, partitions, seed)
        self.workers: list[Worker] = []
        self._all: list[Worker] = []
        # How long each partition had no owner since `begin`, and since when it has none.
        self.ownerless: dict[StatePartition, float] = {}
        self.longest: dict[StatePartition, float] = {}
        self.published = 0
        self._since: dict[StatePartition, float] = dict.fromkeys(self.places, 0.0)
        self._numbers = 0
        self._takeovers_before = 0

    @property
    def takeovers(self) -> int:
        """How often a worker took its partitions over since `begin`."""
        return sum(worker.takeovers for worker in self._all) - self._takeovers_before

    def start(self, number: int = 1) -> list[Worker]:
        """Start processes."""
        started = []
        for _ in range(number):
            self._numbers += 1
            name = f"worker-{self._numbers:04}"
            worker = Worker(name, self.brokers, self.group, self.stages, self._moved)
            worker.start()
            started.append(worker)
        self.workers += started
        self._all += started
        return started

    def kill(self, worker: Worker) -> None:
        """SIGKILL."""
        worker.kill()
        self.workers.remove(worker)

    async def stop(self, worker: Worker) -> None:
        """SIGTERM; returns when it has ended."""
        self.workers.remove(worker)
        await worker.stop()

    def begin(self) -> None:
        """Measure from now on."""
        self.brokers.counts.begin(self.loop.now)
        self.group.rebalances = 0
        self._takeovers_before += self.takeovers
        self.ownerless = dict.fromkeys(self.places, 0.0)
        self.longest = dict.fromkeys(self.places, 0.0)
        self._since = dict.fromkeys(self._since, self.loop.now)

    async def settled(self, workers: int) -> None:
        """Wait until every partition has its owner, of so many workers, and nothing moves for a second."""
        deadline = self.loop.now + PATIENCE_SECONDS
        calm_since = self.loop.now
        while self.loop.now - calm_since < 1.0:
            self._check()
            assert self.loop.now < deadline, f"{len(self._since)} partitions have no owner"
            owning = sum(bool(worker.ownership.owners) for worker in self.workers)
            if self._since or owning < workers:
                calm_since = self.loop.now
            await asyncio.sleep(0.05)

    async def applied(self) -> None:
        """Wait until all that was published is counted at its home."""
        deadline = self.loop.now + PATIENCE_SECONDS
        outputs = [
            self.brokers.partitions[TopicPartition(ENRICHED_REPORTS, n)] for n in range(self.partitions)
        ]
        while (done := sum(1 for log in outputs for each in log.records if each.status == "committed")) < (
            self.published
        ):
            assert self.loop.now < deadline, f"{done} of {self.published} applied"
            self._check()
            await asyncio.sleep(0.25)

    def _check(self) -> None:
        for worker in self.workers:
            if worker.error is not None:
                raise worker.error

    def _moved(self, places: Iterable[StatePartition], owned: bool) -> None:  # noqa: FBT001
        now = self.loop.now
        for place in places:
            if owned:
                lasted = now - self._since.pop(place)
                if self.longest:
                    self.ownerless[place] += lasted
                    self.longest[place] = max(self.longest[place], lasted)
            else:
                self._since[place] = now
