"""Where measurements are made: a broker, and on it one deployment for each scenario."""

import asyncio
import itertools
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from confluent_kafka import Producer

from streams.runtime.connection import Connection
from streams.runtime.topics import admin_client, create_topics, load_catalogue
from tests.bench.traffic import Report
from tests.kafka.harness.workers import WORKER, Worker

SOURCE = "message-reports"
ENRICHED = "enriched-reports"
PARTITIONS = 4

# A worker logs this when it has restored what it was assigned.
READY = "owns partitions ["
# A worker that does nothing for this long is not slow but broken.
STALLED_SECONDS = 60.0
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Place:
    """A broker at `bootstrap`, a folder to write logs in; `quick` asks for a tenth of the usual work."""

    bootstrap: str
    folder: Path
    quick: bool

    def amount(self, usual: int) -> int:
        """How much of something to do."""
        return usual // 10 if self.quick else usual


class Site:
    """Topics under a prefix of their own and the workers on them, which end with the block."""

    def __init__(self, place: Place) -> None:
        self.bootstrap = place.bootstrap
        self.prefix = f"bench-{uuid.uuid4().hex[:8]}."
        self.workers: list[Worker] = []
        self._folder = place.folder
        self._numbers = itertools.count()
        self._settings = {
            "TOCSIN_KAFKA_BOOTSTRAP": place.bootstrap,
            "TOCSIN_TOPIC_PREFIX": self.prefix,
            "TOCSIN_REPLICATION_FACTOR": "1",
            "TOCSIN_MIN_INSYNC_REPLICAS": "1",
            "TOCSIN_HTTP_PORT": "0",
        }

    def __enter__(self) -> Self:
        async def create() -> None:
            async with admin_client(Connection(self.bootstrap)) as admin:
                await create_topics(admin, load_catalogue(), self.prefix, PARTITIONS, 1, 1)

        asyncio.run(create())
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.end()

        async def delete() -> None:
            async with admin_client(Connection(self.bootstrap)) as admin:
                await admin.delete_topics([self.prefix + name for name in load_catalogue()])

        # A broker that has to hold what is no longer needed is a slower one.
        asyncio.run(delete())

    def name(self, topic: str) -> str:
        """The topic's name in the cluster."""
        return self.prefix + topic

    def publish(self, reports: Iterable[Report]) -> None:
        """Publish at full speed and wait for the last confirmation."""
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": "murmur2_random",
                "linger.ms": 20,
                "batch.size": 500_000,
                "queue.buffering.max.messages": 200_000,
                "enable.idempotence": True,
            }
        )
        topic = self.name(SOURCE)
        for report in reports:
            while True:
                try:
                    producer.produce(topic, report.value, report.key, headers=report.headers)
                    break
                except BufferError:
                    producer.poll(0.05)
        assert producer.flush(60) == 0, "reports were not published"

    def start_worker(self) -> Worker:
        """Start a worker, and return when it owns partitions."""
        return self.start_workers(1)[0]

    def start_workers(self, number: int, command: Sequence[str] = WORKER) -> list[Worker]:
        """Start workers at the same time, and return when each owns partitions."""
        started = []
        for _ in range(number):
            log = self._folder / f"{self.prefix}worker-{next(self._numbers)}.log"
            started.append(Worker(log, self._settings, command))
        self.workers += started
        self.until(lambda: all(READY in worker.text for worker in started))
        return started

    def stop(self, worker: Worker, how: signal.Signals) -> None:
        """End a worker by a signal and wait for it."""
        self.workers.remove(worker)
        worker.signal(how)
        worker.wait(30)

    def until(self, condition: Callable[[], bool], seconds: float = STALLED_SECONDS) -> None:
        """Wait. Fails when a worker ended, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while not condition():
            for worker in self.workers:
                assert worker.exit_code is None, f"a worker ended:\n{worker.tail()}"
            assert time.monotonic() < deadline, f"nothing for {seconds:.0f} s\n{self.workers[-1].tail()}"
            time.sleep(POLL_SECONDS)


def cpu_seconds(worker: Worker) -> float:
    """CPU time that a process has used."""
    # Fields 14 and 15 of proc_pid_stat(5); the name in parentheses may hold spaces.
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def resident_bytes(worker: Worker) -> int:
    """Memory that a process holds."""
    for line in Path(f"/proc/{worker.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")
