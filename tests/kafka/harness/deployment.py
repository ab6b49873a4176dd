"""One deployment of Tocsin: its topics under a prefix of its own, its workers, its publishers, what it wrote."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

from streams.runtime.connection import Connection
from streams.runtime.position import POSITION_KEY, decode_position
from streams.runtime.topics import admin_client, create_topics, load_catalogue
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.publisher import MURMUR2, Publisher
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Published
from tests.kafka.harness.workers import Fleet, Worker

SOURCE = "message-reports"
INTERNAL = "message-reports-internal"
ENRICHED = "enriched-reports"
ESCALATIONS = "escalations"
SHADOW = "escalations-shadow"
DEAD_LETTERS = "dead-letters"
STATE = "channel-state"
TOPICS = (SOURCE, INTERNAL, ENRICHED, ESCALATIONS, SHADOW, DEAD_LETTERS, STATE)


class Deployment:
    """Topics are named here without the prefix. `settings` are TOCSIN_ variables beyond the necessary ones."""

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        folder: Path,
        *,
        partitions: int = 4,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.partitions = partitions
        self.published: list[Published] = []
        self.settings = {
            "TOCSIN_KAFKA_BOOTSTRAP": bootstrap,
            "TOCSIN_TOPIC_PREFIX": prefix,
            "TOCSIN_REPLICATION_FACTOR": "1",
            "TOCSIN_MIN_INSYNC_REPLICAS": "1",
            # Workers of many tests may run on this machine.
            "TOCSIN_HTTP_PORT": "0",
            **(settings or {}),
        }
        self.fleet = Fleet(folder, self.settings)
        self.create_topics()
        self._progress = Reader(bootstrap, [self.name(STATE)], only=POSITION_KEY)
        self._internal = Reader(bootstrap, [self.name(INTERNAL)])

    def name(self, topic: str) -> str:
        """The name with the prefix."""
        return self.prefix + topic

    def create_topics(self) -> None:
        """Create what is missing, as `tocsin topics create` does."""

        async def create() -> None:
            async with admin_client(Connection(self.bootstrap)) as admin:
                await create_topics(admin, load_catalogue(), self.prefix, self.partitions, 1, 1)

        asyncio.run(create())

    @property
    def group(self) -> str:
        """The consumer group of the workers."""
        return self.prefix + "tocsin"

    def kill(self, worker: Worker, *, at_once: bool = True) -> None:
        """SIGKILL; `at_once` spares its successor the ten seconds until the group notices."""
        worker.signal(signal.SIGKILL)
        worker.wait(10)
        if at_once:
            evict_everybody(self.bootstrap, self.group)
        self.fleet.tend()

    def publisher(self, partitioner: str = MURMUR2) -> Publisher:
        """A publisher of reports."""
        return Publisher(self.bootstrap, self.name(SOURCE), partitioner)

    def publish(self, records: Sequence[Published], partitioner: str = MURMUR2) -> None:
        """Publish and remember what was published."""
        self.publisher(partitioner).publish(records)
        self.published += records

    def applied(self) -> int:
        """How many records of the source topic the workers have applied."""
        self._progress.catch_up()
        return sum(self._position(partition, SOURCE) for partition in range(self.partitions))

    def everything_applied(self) -> bool:
        """Whether the committed positions are past every record of both source topics."""
        self._progress.catch_up()
        for partition in range(self.partitions):
            if self._position(partition, SOURCE) < self._progress.end_of(self.name(SOURCE), partition):
                return False
        # Only now: what was moved to its home was written by the transactions that have just been seen.
        self._internal.catch_up()
        return all(
            self._position(partition, INTERNAL) > rows[-1].offset
            for partition, rows in self._internal.rows[self.name(INTERNAL)].items()
            if rows
        )

    def wait_until_applied(self, seconds: float = 90) -> float:
        """Tend the workers until everything published is applied; gives the seconds it took."""
        return self.fleet.wait_for(self.everything_applied, seconds, "everything applied")

    def outputs(self) -> Reader:
        """Everything that is in the topics, as a downstream team would read it."""
        with Reader(self.bootstrap, map(self.name, TOPICS)) as reader:
            return reader.catch_up()

    def end(self) -> None:
        """Kill the workers."""
        self.fleet.end()
        self._progress.__exit__()
        self._internal.__exit__()

    def _position(self, partition: int, topic: str) -> int:
        for row in reversed(self._progress.rows[self.name(STATE)][partition]):
            assert row.value is not None
            source = decode_position(row.value).get(self.name(topic))
            return source.next_offset if source else 0
        return 0
