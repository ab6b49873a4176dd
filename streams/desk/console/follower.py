"""Reads topics into the read model, as any subscriber would: committed records only, in no consumer group."""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.contract.events.report import Category
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.times import DAY
from streams.desk.console.read_model.apply import HANDLERS, apply_records
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.database import fit_to, transaction
from streams.desk.console.read_model.retention import prune
from streams.desk.console.read_model.statements import SQL
from streams.registry.category import CategoryRules
from streams.running.clients.kafka_reading import subscriber
from streams.running.log.connection import Connection

logger = structlog.get_logger(__name__)

# Applied in one transaction of the database. A record takes some 100 us, so readers see a change within half
# a second also while the console catches up.
_MOST_RECORDS = 2_000

# How long a read may wait. Records that arrive end the wait.
_WAIT_MS = 500

Fetched = Mapping[TopicPartition, Sequence[SourceRecord]]


@dataclass(slots=True)
class Progress:
    """How far reading has come.

    `left` is the number of offsets up to the ends of the topics at the last fetches.
    """

    left: int = -1
    caught_up: bool = False
    """Whether everything that was there at the start has been read."""
    applied: int = 0
    unreadable: int = 0
    _waiting: dict[TopicPartition, list[tuple[int, asyncio.Future[None]]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def reached(self, place: TopicPartition, offset: int) -> asyncio.Future[None]:
        """A future that is done once the record at `offset` has been applied."""
        done = asyncio.get_running_loop().create_future()
        self._waiting[place].append((offset, done))
        return done

    def note(self, place: TopicPartition, next_offset: int) -> None:
        """Note that everything below `next_offset` has been applied."""
        still = []
        for offset, done in self._waiting.pop(place, ()):
            if offset >= next_offset:
                still.append((offset, done))
            elif not done.done():
                done.set_result(None)
        if still:
            self._waiting[place] = still


class Follower:
    """Follows all topics that the console shows. `told` is called with what each batch changed.

    Acts and outcomes of other than the categories in use, which `categories` gives, are skipped. When these
    change, everything is read again.
    """

    def __init__(
        self,
        connection: Connection,
        prefix: str,
        writer: sqlite3.Connection,
        told: Callable[[Changes], None],
        categories: Callable[[], Mapping[Category, CategoryRules]],
    ) -> None:
        self.progress = Progress()
        self._connection = connection
        self._names = {prefix + name: name for name in HANDLERS}
        self._writer = writer
        self._told = told
        self._categories = categories
        self._known = categories()
        self._pruned_day = 0
        self._told_unknown: set[Category] = set()

    async def run(self) -> None:
        """Read until cancelled.

        Raises UnknownTopicOrPartitionError if a topic is missing, or another KafkaError.
        """
        async with subscriber(self._connection, tuple(self._names)) as consumer:
            await self._begin(consumer)
            ends = await consumer.end_offsets(consumer.assignment())
            while True:
                if self._categories() is not self._known:
                    await self._begin(consumer)
                fetched = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=_MOST_RECORDS)
                # Positions, not offsets of records: a log may end in a transaction marker.
                places = {place: await consumer.position(place) for place in consumer.assignment()}
                if fetched:
                    changes = await asyncio.to_thread(self._apply, fetched, places)
                    self._told(changes)
                # As of the last fetches. Asking for them would wait for brokers that are away, and nothing be
                # read meanwhile.
                for place in places:
                    end = consumer.last_stable_offset(place)
                    ends[place] = ends[place] if end is None else end
                self.progress.left = sum(max(0, end - places[place]) for place, end in ends.items())
                self.progress.caught_up |= self.progress.left == 0
                for place, next_offset in places.items():
                    self.progress.note(place, next_offset)

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        """Continue where the file ends; from the beginning of what the database does not know."""
        self._known = self._categories()
        if not await asyncio.to_thread(fit_to, self._writer, self._known):
            self.progress.caught_up = False
            self._told_unknown.clear()
        known = {
            TopicPartition(topic, partition): next_offset
            for topic, partition, next_offset in self._writer.execute(SQL["places"])
        }
        starts = await consumer.beginning_offsets(consumer.assignment())
        for place, start in starts.items():
            # Records that retention deleted meanwhile cannot be read any more.
            consumer.seek(place, max(start, known.get(place, 0)))

    def _apply(self, fetched: Fetched, places: Mapping[TopicPartition, int]) -> Changes:
        changes = Changes(known=self._known)
        records = [(self._names[place.topic], record) for place, batch in fetched.items() for record in batch]
        newest_day = max((record.timestamp for _, record in records), default=0) // DAY
        with transaction(self._writer):
            self.progress.unreadable += apply_records(self._writer, records, changes)
            self._writer.executemany(
                SQL["put_place"],
                [(place.topic, place.partition, offset) for place, offset in places.items()],
            )
            # By the days of the log, and only once all of it is known: acts may be read before the case they
            # are about.
            if self.progress.caught_up and newest_day > self._pruned_day:
                prune(self._writer, newest_day * DAY)
                self._pruned_day = newest_day
        self.progress.applied += len(records)
        for category in sorted(changes.unknown - self._told_unknown):
            logger.error(
                "cases are shown to nobody: this console does not have their category. If no set of rules is "
                "in force, put its entry into the file of categories (TOCSIN_CATEGORIES_FILE), and start the "
                "console again",
                category=category,
            )
        self._told_unknown |= changes.unknown
        return changes
