"""Where scenarios run: a broker, and a deployment of its own on it for each scenario."""

import asyncio
import itertools
import re
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from confluent_kafka import Producer

from streams.contract.wire.topics import (
    AUTHORITY_REQUESTS,
    CLOCK_OUTCOMES,
    MODERATION_OUTCOMES,
    REPORT_SOURCES,
)
from streams.deciding.partition.hash_key import DEMONSTRATION_KEY
from streams.running.log.connection import Connection
from streams.running.topics.topic_admin import admin_client, create_topics
from streams.running.topics.topic_catalogue import load_catalogue
from tests.bench.traffic import Report
from tests.kafka.harness.workers import WORKER, Worker

SOURCE = "message-reports"
ONE_TOPIC = Path(__file__).parents[2] / "deploy" / "registry" / "sources-while-moving.yaml"
ENRICHED = "enriched-reports"
PARTITIONS = 4
MOST_NEW = "10000000"

# A worker logs this once it has restored the state of its partitions.
READY = "owns partitions ["
_OWNS = re.compile(r"owns partitions \[.*\bseconds\W+([\d.]+)")
# A worker without an output for this long is broken, not slow. With a backlog of a million reports in a hundred
# partitions its first stages work for a minute before the last one writes again.
STALLED_SECONDS = 180.0
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Place:
    """A broker at `bootstrap` and a folder for logs; with `quick`, scenarios do a tenth of the usual work."""

    bootstrap: str
    folder: Path
    quick: bool

    def amount(self, usual: int) -> int:
        """The amount of work to do instead of the usual one."""
        return usual // 10 if self.quick else usual


class Site:
    """A context manager: topics under a unique prefix, and workers on them.

    On exit it ends the workers and deletes the topics. `settings` are TOCSIN_ variables beyond the necessary
    ones; then it has all of them.
    """

    def __init__(
        self, place: Place, partitions: int = PARTITIONS, settings: Mapping[str, str] | None = None
    ) -> None:
        self.bootstrap = place.bootstrap
        self.partitions = partitions
        self.prefix = f"bench-{uuid.uuid4().hex[:8]}."
        self.workers: list[Worker] = []
        self._folder = place.folder
        self._numbers = itertools.count()
        self.settings = {
            "TOCSIN_KAFKA_BOOTSTRAP": place.bootstrap,
            "TOCSIN_TOPIC_PREFIX": self.prefix,
            "TOCSIN_REPLICATION_FACTOR": "1",
            "TOCSIN_MIN_INSYNC_REPLICAS": "1",
            "TOCSIN_HTTP_PORT": "0",
            "TOCSIN_HASH_KEY": DEMONSTRATION_KEY.hex(),
            # All reports in one topic, as the plain Faust program reads one. What they claim is checked all
            # the same.
            "TOCSIN_SOURCES_FILE": str(ONE_TOPIC),
            # One publisher brings within minutes what the many of a deployment bring in a week.
            **{f"TOCSIN_NEW_{what}_PER_HOUR": MOST_NEW for what in ("REPORTERS", "CHANNELS", "MESSAGES")},
            **(settings or {}),
        }

    def __enter__(self) -> Self:
        async def create() -> None:
            async with admin_client(Connection(self.bootstrap)) as admin:
                await create_topics(admin, load_catalogue(), self.prefix, self.partitions, 1, 1)

        asyncio.run(create())
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.end()

        async def delete() -> None:
            async with admin_client(Connection(self.bootstrap)) as admin:
                await admin.delete_topics([self.prefix + name for name in load_catalogue()])

        # Topics that are no longer needed would slow down the broker for the next scenario.
        asyncio.run(delete())

    def name(self, topic: str) -> str:
        """The topic's name with the prefix."""
        return self.prefix + topic

    def publish(self, reports: Iterable[Report], source: str = SOURCE) -> None:
        """Publish at full speed and wait until the broker has confirmed every report, or record of a source."""
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
        topic = self.name(source)
        for report in reports:
            while True:
                try:
                    producer.produce(topic, report.value, report.key, headers=report.headers)
                    break
                except BufferError:
                    producer.poll(0.05)
        assert producer.flush(60) == 0, "some reports were not confirmed within 60 s"

    def log_bytes(self, topic: str) -> int:
        """Bytes of a topic's records on disk. Raises AssertionError if the broker is not the bench's own."""
        files = list(self._folder.rglob(f"{self.name(topic)}-*/*.log"))
        assert files, "only the disk of the bench's own broker can be measured: unset TOCSIN_KAFKA_BOOTSTRAP"
        return sum(file.stat().st_size for file in files)

    def start_worker(self) -> Worker:
        """Start a worker and wait until it owns partitions."""
        return self.start_workers(1)[0]

    def start_workers(self, number: int, command: Sequence[str] = WORKER) -> list[Worker]:
        """Start workers at the same time and wait until each owns partitions."""
        started = []
        for _ in range(number):
            log = self._folder / f"{self.prefix}worker-{next(self._numbers)}.log"
            started.append(Worker(log, self.settings, command))
        self.workers += started
        self.until(lambda: all(READY in worker.text for worker in started))
        return started

    def start(self, command: Sequence[str], settings: Mapping[str, str]) -> Worker:
        """Start another program of Tocsin, with these settings besides those of the site."""
        log = self._folder / f"{self.prefix}program-{next(self._numbers)}.log"
        self.workers.append(Worker(log, self.settings | settings, command))
        return self.workers[-1]

    def stop(self, worker: Worker, how: signal.Signals) -> None:
        """Send a signal to a worker and wait until it has ended."""
        self.workers.remove(worker)
        worker.signal(how)
        worker.wait(30)

    def until(self, condition: Callable[[], bool], seconds: float = STALLED_SECONDS) -> None:
        """Wait until the condition holds. Raises AssertionError if a worker ends, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while not condition():
            for worker in self.workers:
                assert worker.exit_code is None, f"a worker ended:\n{worker.tail()}"
            assert time.monotonic() < deadline, f"no progress for {seconds:.0f} s\n{self.workers[-1].tail()}"
            time.sleep(POLL_SECONDS)


def written_bytes(site: Site) -> int:
    """Bytes on disk that the workers of a site have written, before compaction."""
    by_others = {*REPORT_SOURCES, CLOCK_OUTCOMES, MODERATION_OUTCOMES, AUTHORITY_REQUESTS}
    return sum(site.log_bytes(topic) for topic in load_catalogue().keys() - by_others)


def cpu_seconds(worker: Worker) -> float:
    """CPU time in seconds that a worker's process has used."""
    # Fields 14 and 15 of proc_pid_stat(5); the name in parentheses may hold spaces.
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def open_descriptors(worker: Worker) -> int:
    """Number of file descriptors of a worker's process, connections included."""
    return len(list(Path(f"/proc/{worker.process.pid}/fd").iterdir()))


def takeover_seconds(worker: Worker) -> float:
    """How long the worker's last takeover took, from the assignment until it owned the partitions."""
    return float(_OWNS.findall(worker.text)[-1])


def resident_bytes(worker: Worker) -> int:
    """Resident memory of a worker's process in bytes."""
    for line in Path(f"/proc/{worker.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")
