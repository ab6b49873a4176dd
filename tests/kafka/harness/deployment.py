"""One deployment of Tocsin: its topics under a prefix of its own, its workers, its publishers, what it wrote."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from streams.runtime.connection import Connection
from streams.runtime.position import POSITION_KEY, decode_position
from streams.runtime.topics import admin_client, create_topics, load_catalogue
from tests.kafka.harness.publisher import MURMUR2, Publisher
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Published
from tests.kafka.harness.workers import Fleet

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
        self, bootstrap: str, prefix: str, folder: Path, *, partitions: int = 4, settings: dict[str, str] | None = None
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
            **(settings or {}),
        }
        self.fleet = Fleet(folder, self.settings)
        self.create_topics()
        self._progress: Reader | None = None

    def name(self, topic: str) -> str:
        """The name with the prefix."""
        return self.prefix + topic

    def create_topics(self) -> None:
        """Create what is missing, as `tocsin topics create` does."""

        async def create() -> None:
            async with admin_client(Connection(self.bootstrap)) as admin:
                await create_topics(admin, load_catalogue(), self.prefix, self.partitions, 1, 1)

        asyncio.run(create())

    def publisher(self, partitioner: str = MURMUR2) -> Publisher:
        """A publisher of reports."""
        return Publisher(self.bootstrap, self.name(SOURCE), partitioner)

    def publish(self, records: Sequence[Published], partitioner: str = MURMUR2) -> None:
        """Publish and remember what was published."""
        self.publisher(partitioner).publish(records)
        self.published += records

    def progress(self) -> Reader:
        """A reader of what tells how far the workers are, caught up."""
        if self._progress is None:
            self._progress = Reader(self.bootstrap, map(self.name, (SOURCE, INTERNAL, STATE)))
        return self._progress.catch_up()

    def applied(self) -> int:
        """How many records of the source topic the workers have applied."""
        progress = self.progress()
        return sum(self._position(progress, partition, SOURCE) for partition in range(self.partitions))

    def everything_applied(self) -> bool:
        """Whether the committed positions are past every record of both source topics."""
        progress = self.progress()
        for topic in (SOURCE, INTERNAL):
            for partition, rows in progress.rows[self.name(topic)].items():
                if rows and self._position(progress, partition, topic) <= rows[-1].offset:
                    return False
        return True

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
        if self._progress is not None:
            self._progress.__exit__()

    def _position(self, progress: Reader, partition: int, topic: str) -> int:
        # Only the newest row matters, and folding the whole state at each look would cost more than the workers do.
        for row in reversed(progress.rows[self.name(STATE)][partition]):
            if row.key == POSITION_KEY and row.value is not None:
                source = decode_position(row.value).get(self.name(topic))
                return source.next_offset if source else 0
        return 0
