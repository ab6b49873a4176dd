"""Reads committed records as a downstream team does, with another client than the worker's."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec
from tests.kafka.harness.workers import patience

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """A record of the log; `timestamp` is the append time in ms."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def _admin_client(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


class Rows:
    """Records by topic and partition, in their order."""

    rows: Mapping[str, Mapping[int, list[Row]]]

    def all(self, topic: str) -> Iterator[Row]:
        """Every row of a topic, partition by partition."""
        for _, rows in sorted(self.rows[topic].items()):
            yield from rows

    def latest(self, topic: str, partition: int) -> dict[bytes, bytes]:
        """The compacted view of a partition: the last value of every key that is not deleted."""
        view: dict[bytes, bytes] = {}
        for row in self.rows[topic][partition]:
            assert row.key is not None
            if row.value is None:
                view.pop(row.key, None)
            else:
                view[row.key] = row.value
        return view


class Reader(Rows):
    """Reads topics from their start to the committed end, as often as asked.

    With `only`, keeps only records with that key.
    """

    def __init__(self, bootstrap: str, topics: Iterable[str], *, only: bytes | None = None) -> None:
        self._only = only
        # The next offset to read, counting records that are not kept.
        self._next: dict[Place, int] = {}
        # The committed end up to which a partition was read last. It differs from the next offset after a
        # transaction marker.
        self._read_to: dict[Place, int] = {}
        self.rows = {topic: defaultdict(list) for topic in topics}
        # It asks for many ends at once, and not on the connection where a fetch may be waiting for records.
        self._admin = _admin_client(bootstrap)
        self._bootstrap = bootstrap
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "not-used",
                "log_level": 0,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
                "topic.metadata.refresh.interval.ms": 5_000,
            }
        )
        self._places = [
            (topic, partition) for topic, partitions in self._partitions().items() for partition in partitions
        ]

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def catch_up(self, seconds: float = 60) -> "Reader":
        """Read up to the present committed end of every partition."""
        ends = self._ends(self._places)
        # What has not grown is left out: it would take each partition two requests and a wait to say so.
        grown = {
            place for place in self._places if place not in ends or ends[place] != self._read_to.get(place)
        }
        if not grown:
            return self
        assigned = [TopicPartition(*place, self._next.get(place, OFFSET_BEGINNING)) for place in grown]
        self._consumer.incremental_assign(assigned)
        try:
            deadline = time.monotonic() + seconds * patience()
            while grown:
                assert time.monotonic() < deadline, f"the end of {grown} was not reached in {seconds} s"
                for message in self._consumer.consume(5_000, 0.02):
                    error = message.error()
                    if error is None:
                        self._keep(message)
                    elif error.code() == KafkaError._PARTITION_EOF:
                        place = message.topic(), message.partition()
                        # An earlier assignment may have met an earlier end.
                        if message.offset() >= ends.get(place, 0):
                            grown.discard(place)
                    elif not error.retriable() and error.code() not in _TRANSIENT:
                        raise AssertionError(error)
        finally:
            self._consumer.incremental_unassign(assigned)
        self._read_to |= ends
        return self

    @property
    def records(self) -> int:
        """Number of rows read so far."""
        return sum(map(self.count, self.rows))

    def ends(self, places: Iterable[Place], seconds: float = 20) -> dict[Place, int]:
        """The offset that the next record of each partition will get, also of topics that are not read here."""
        wanted = list(places)
        deadline = time.monotonic() + seconds * patience()
        while len(found := self._ends(wanted)) < len(wanted):
            assert time.monotonic() < deadline, f"no ends of {set(wanted) - found.keys()} in {seconds} s"
            time.sleep(0.1)
        return found

    def count(self, topic: str) -> int:
        """Number of rows of a topic read so far."""
        return sum(map(len, self.rows[topic].values()))

    def _partitions(self, seconds: float = 20) -> dict[str, Iterable[int]]:
        # With several brokers, one may not yet know a topic that another has just created.
        deadline = time.monotonic() + seconds * patience()
        while True:
            known = self._consumer.list_topics(timeout=20).topics
            found = {topic: known[topic].partitions for topic in self.rows if topic in known}
            if len(found) == len(self.rows) and all(found.values()):
                return found
            assert time.monotonic() < deadline, f"no such topics: {self.rows.keys() - found.keys()}"
            time.sleep(0.05)

    def _ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """Committed ends, except of partitions whose leader does not answer now: after it went away, for
        instance.
        """
        asked = {TopicPartition(*place): OffsetSpec.latest() for place in places}
        answers = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=10
        )
        found = {}
        for tp, answer in answers.items():
            with suppress(KafkaException):
                found[tp.topic, tp.partition] = answer.result().offset
        if len(found) < len(asked):
            # The client goes on with the leader's epoch of before the broker was away.
            self._admin = _admin_client(self._bootstrap)
        return found

    def _keep(self, message: object) -> None:
        place = message.topic(), message.partition()
        # Records fetched under an earlier assignment may still arrive after the next one, and then arrive
        # twice.
        if message.offset() < self._next.get(place, 0):
            return
        self._next[place] = message.offset() + 1
        if self._only is not None and message.key() != self._only:
            return
        row = Row(
            message.topic(),
            message.partition(),
            message.offset(),
            message.timestamp()[1],
            message.key(),
            message.value(),
            tuple(message.headers() or ()),
        )
        self.rows[row.topic][row.partition].append(row)


# Errors that a restarting broker causes for a while.
_TRANSIENT = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}
