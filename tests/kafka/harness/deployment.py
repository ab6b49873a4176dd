"""One deployment of Tocsin: its topics under a prefix of its own, its workers, its publishers, what it wrote."""

import asyncio
import signal
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from aiokafka.errors import KafkaError

from streams.deciding.partition.hash_key import DEMONSTRATION_KEY
from streams.running.identity import consumer_group
from streams.running.log.connection import Connection
from streams.running.log.position import POSITION_KEY, decode_position
from streams.running.topics.topic_admin import admin_client, create_topics
from streams.running.topics.topic_catalogue import load_catalogue
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.platform import trusting_platform
from tests.kafka.harness.publisher import MURMUR2, Publisher
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Published
from tests.kafka.harness.workers import Fleet, Worker, patience

SOURCE = "message-reports"
VERIFIED = "verified-reports"
OUTCOMES = "clock-outcomes"
INTERNAL = "message-reports-internal"
ENRICHED = "enriched-reports"
ESCALATIONS = "escalations"
SHADOW = "escalations-shadow"
DEAD_LETTERS = "dead-letters"
REFUSALS = "refusals"
STATE = "channel-state"
REQUESTS = "authority-requests"
REQUESTS_INTERNAL = "authority-requests-internal"
ROUTING = "authority-routing"
REQUESTS_STATE = "authority-state"
COUNTERS = "transparency-counters"
CLAIMS = "claims"
PROGRESS = "worker-progress"
MODERATION = "moderation-outcomes"
ACTIVITY = "case-activity"
NOTICES = "reporter-notices"
STANDING = "reporter-standing"
FEEDBACK = "detector-feedback"
REPORTERS_INTERNAL = "reporters-internal"
REPORTERS_STATE = "reporter-state"
INTEGRITY = "integrity-cases"
POSITIONS = "intake-positions"
QUESTIONS = "review-questions"
SET_ASIDE = "deliveries-set-aside"
VIEWS = "desk-views"
RULE_SETS = "rule-sets"
RULE_CHANGES = "rule-changes"
RULE_TRIALS = "rule-trials"
TOPICS = (
    SOURCE,
    VERIFIED,
    OUTCOMES,
    INTERNAL,
    ENRICHED,
    ESCALATIONS,
    SHADOW,
    DEAD_LETTERS,
    REFUSALS,
    STATE,
    REQUESTS,
    REQUESTS_INTERNAL,
    ROUTING,
    REQUESTS_STATE,
    COUNTERS,
    CLAIMS,
    PROGRESS,
    MODERATION,
    ACTIVITY,
    NOTICES,
    STANDING,
    FEEDBACK,
    REPORTERS_INTERNAL,
    REPORTERS_STATE,
    INTEGRITY,
    POSITIONS,
    QUESTIONS,
    SET_ASIDE,
    VIEWS,
    RULE_SETS,
    RULE_CHANGES,
    RULE_TRIALS,
)
# State, sources, internal topic of each stage. The first one passes outcomes on to the second, and reports to
# the third, which sends them back to the first.
STAGES = (
    (STATE, (SOURCE, VERIFIED, OUTCOMES, MODERATION, STANDING), INTERNAL),
    (REQUESTS_STATE, (REQUESTS,), REQUESTS_INTERNAL),
    (REPORTERS_STATE, (), REPORTERS_INTERNAL),
)

# A broker takes .2 s to forget thirty topics.
_DELETED_SECONDS = 5.0


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
        self.requests: list[Published] = []
        self.settings = {
            "TOCSIN_KAFKA_BOOTSTRAP": bootstrap,
            "TOCSIN_TOPIC_PREFIX": prefix,
            "TOCSIN_REPLICATION_FACTOR": "1",
            "TOCSIN_MIN_INSYNC_REPLICAS": "1",
            # Workers of many tests may run on this machine.
            "TOCSIN_HTTP_PORT": "0",
            "TOCSIN_HASH_KEY": DEMONSTRATION_KEY.hex(),
            "TOCSIN_PLATFORM_FILE": str(trusting_platform()),
            **(settings or {}),
        }
        self.fleet = Fleet(folder, self.settings)
        self.create_topics()
        self._progress = Reader(bootstrap, [self.name(state) for state, _, _ in STAGES], only=POSITION_KEY)
        self._internal = Reader(bootstrap, [self.name(internal) for _, _, internal in STAGES])

    def name(self, topic: str) -> str:
        """The name with the prefix."""
        return self.prefix + topic

    def create_topics(self) -> None:
        """Create what is missing, as `tocsin topics create` does."""

        async def create() -> None:
            async with admin_client(Connection(self.bootstrap)) as admin:
                await create_topics(
                    admin,
                    load_catalogue(),
                    self.prefix,
                    self.partitions,
                    int(self.settings["TOCSIN_REPLICATION_FACTOR"]),
                    int(self.settings["TOCSIN_MIN_INSYNC_REPLICAS"]),
                )

        asyncio.run(create())

    @property
    def group(self) -> str:
        """The consumer group of the workers."""
        return consumer_group(self.prefix)

    def kill(self, worker: Worker, *, at_once: bool = True) -> None:
        """SIGKILL; `at_once` spares its successor the seconds until the group notices."""
        worker.signal(signal.SIGKILL)
        worker.wait(10)
        if at_once:
            evict_everybody(self.bootstrap, self.group)
        self.fleet.tend()

    def publisher(self, partitioner: str = MURMUR2, topic: str | None = None) -> Publisher:
        """A publisher to a topic; without one, of reports, each to the topic that takes it."""
        return Publisher(self.bootstrap, self.prefix, topic, partitioner)

    def publish(self, records: Sequence[Published], partitioner: str = MURMUR2) -> None:
        """Publish and remember what was published."""
        self.publisher(partitioner).publish(records)
        self.published += records

    def publish_outcomes(self, records: Sequence[Published], partitioner: str = MURMUR2) -> None:
        """Publish outcomes of clocks."""
        self.publisher(partitioner, OUTCOMES).publish(records)

    def publish_requests(self, records: Sequence[Published], partitioner: str = MURMUR2) -> None:
        """Publish requests of authorities and remember them."""
        self.publisher(partitioner, REQUESTS).publish(records)
        self.requests += records

    def applied(self) -> int:
        """How many records of the source topics of reports the workers have applied."""
        self._progress.catch_up()
        return sum(
            self._position(STATE, partition, topic)
            for topic in (SOURCE, VERIFIED)
            for partition in range(self.partitions)
        )

    def position(self, partition: int, topic: str = SOURCE) -> int:
        """The next offset of a source of reports to apply in a partition."""
        self._progress.catch_up()
        return self._position(STATE, partition, topic)

    def applied_but(self, partition: int) -> bool:
        """Whether all published reports are applied but those of one partition."""
        self._progress.catch_up()
        ends = self._ends((SOURCE, VERIFIED))
        return all(
            self._position(STATE, other, topic) >= end
            for (topic, other), end in ends.items()
            if other != partition
        )

    def everything_applied(self) -> bool:
        """Whether the committed positions are past every record of all source topics."""
        self._progress.catch_up()
        ends = self._ends(topic for _, sources, _ in STAGES for topic in sources)
        for state, sources, _ in STAGES:
            for topic in sources:
                for partition in range(self.partitions):
                    if self._position(state, partition, topic) < ends[topic, partition]:
                        return False
        # Only now: what was moved to its home was written by the transactions that have just been seen.
        self._internal.catch_up()
        return all(
            self._position(state, partition, internal) > rows[-1].offset
            for state, _, internal in STAGES
            for partition, rows in self._internal.rows[self.name(internal)].items()
            if rows
        )

    def wait_until_applied(self, seconds: float = 90) -> float:
        """Tend the workers until everything published is applied; gives the seconds it took."""
        return self.fleet.wait_for(self.everything_applied, seconds, "everything applied")

    def outputs(self) -> Reader:
        """Everything that is in the topics at one moment, as a downstream team would read it."""
        with Reader(self.bootstrap, map(self.name, TOPICS)) as reader:
            # A worker may write a tick while the one topic is read and the other is not: until nothing is
            # new.
            read = -1
            while read != (read := reader.catch_up().records):
                pass
            return reader

    def end(self) -> None:
        """Kill the workers and delete the topics, which would cost a broker of many tests time to its end."""
        self.leave()
        # Most brokers of a test's own are gone by then, or do not answer.
        with suppress(KafkaError, TimeoutError):
            asyncio.run(asyncio.wait_for(self._delete_topics(), _DELETED_SECONDS * patience()))

    def leave(self) -> None:
        """Kill the workers, and leave the topics as they are."""
        self.fleet.end()
        self._progress.__exit__()
        self._internal.__exit__()

    async def _delete_topics(self) -> None:
        names = [self.name(topic) for topic in load_catalogue()]
        async with admin_client(Connection(self.bootstrap)) as admin:
            await admin.delete_topics(names)
            # The answer comes before the broker's own view has changed: the next deployment with these names
            # (recordings have one prefix) would find them there and then lose them.
            while not set(names).isdisjoint(await admin.list_topics()):
                await asyncio.sleep(0.05)

    def _ends(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        places = {
            (self.name(topic), partition): (topic, partition)
            for topic in topics
            for partition in range(self.partitions)
        }
        return {places[place]: end for place, end in self._progress.ends(places).items()}

    def _position(self, state: str, partition: int, topic: str) -> int:
        for row in reversed(self._progress.rows[self.name(state)][partition]):
            assert row.value is not None
            source = decode_position(row.value).get(self.name(topic))
            return source.next_offset if source else 0
        return 0
