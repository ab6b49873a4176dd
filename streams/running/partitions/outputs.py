"""Collects what a partition writes, by destination, and refuses what a topic does not take."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from aiokafka import TopicPartition

from streams.contract.wire.partitioner import murmur2_of_all, partition_of_hash
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.topics import DEAD_LETTERS, REFUSALS
from streams.running.errors import OversizedRecord
from streams.running.log.log import Destination, Write
from streams.running.log.position import POSITION_KEY, Position, encode_position
from streams.running.log.writer import Writer
from streams.running.topics.topic_catalogue import load_catalogue

# A record up to this size fits into every topic, with any headers of ours.
_ALWAYS_FITS_BYTES = 512 * 1024

# What is added to a record: 90 bytes for Kafka's own fields of a batch with one record, and what compressing
# adds when it does not help, because aiokafka sends it all the same. 8 MiB of random bytes grow by 1,035
# bytes with lz4, 202 with zstd.
_BATCH_OVERHEAD_BYTES = 2_048
_HEADER_OVERHEAD_BYTES = 10


class Outputs:
    """The writes of partition `partition`. Topic names come without the prefix and get that of `writer`."""

    def __init__(self, writer: Writer, partition: int) -> None:
        self.writes: dict[Destination, list[Write]] = defaultdict(list)
        self.size = 0
        self._writer = writer
        self._partition = partition

    async def add(self, outputs: Sequence[OutputRecord]) -> None:
        """Add records in order. Raises OversizedRecord."""
        hashes = murmur2_of_all(
            key for _, partition, key, _, _ in outputs if partition is None and key is not None
        )
        # Most outputs of a batch go to few places: each list is looked up once.
        lists: dict[tuple[str, int], list[Write]] = {}
        numbers: dict[str, int] = {}
        size = 0
        for topic, chosen, key, value, headers in outputs:
            partition = chosen
            if partition is None:
                partitions = numbers.get(topic)
                if partitions is None:
                    partitions = numbers[topic] = await self._writer.partition_count(
                        self._writer.prefix + topic
                    )
                hashed = None if key is None else hashes[key]
                partition = self._partition_for(topic, hashed, partitions)
            rows = lists.get((topic, partition))
            if rows is None:
                rows = lists[topic, partition] = self.writes[self._writer.prefix + topic, partition]
            # aiokafka accepts only a list.
            row = key, value, headers if isinstance(headers, list) else list(headers)
            if value is not None:
                size += len(value)
                if len(value) > _ALWAYS_FITS_BYTES:
                    self._require_size(topic, row)
            rows.append(row)
        self.size += size

    def add_state(
        self, state: TopicPartition, changes: Mapping[bytes, bytes | None], position: Position
    ) -> None:
        """Add changed state and the position. Raises OversizedRecord."""
        rows = self.writes[state]
        for key, value in changes.items():
            row: Write = (key, value, [])
            if value is not None:
                self.size += len(value)
                if len(value) > _ALWAYS_FITS_BYTES:
                    self._require_size(state.topic.removeprefix(self._writer.prefix), row)
            rows.append(row)
        rows.append(position_record(position))

    def _require_size(self, topic: str, row: Write) -> None:
        key, value, headers = row
        size = len(key or b"") + len(value or b"") + _BATCH_OVERHEAD_BYTES
        size += sum(len(name) + len(held) + _HEADER_OVERHEAD_BYTES for name, held in headers)
        limit = _limits().get(topic)
        if limit is not None and size > limit:
            raise OversizedRecord(
                f"partition {self._partition}: a record for {self._writer.prefix}{topic} would have {size} "
                f"bytes, and the topic takes {limit} (max.message.bytes). Nothing of this batch was written; "
                "other partitions go on. This is a defect of Tocsin: report it. To go on without the record "
                "that leads to it, see docs/runbooks/TocsinPartitionSetAside.md."
            )

    def _partition_for(self, topic: str, hashed: int | None, partitions: int) -> int:
        home = self._partition % partitions if hashed is None else partition_of_hash(hashed, partitions)
        troubles = self._writer.troubles
        if troubles and topic in (DEAD_LETTERS, REFUSALS):
            # Nobody reads them by key, and whoever publishes an invalid record chooses the key.
            name = self._writer.prefix + topic
            others = ((home + n) % partitions for n in range(partitions))
            return next((each for each in others if (name, each) not in troubles), home)
        return home


def merged(parts: Iterable[Mapping[Destination, Sequence[Write]]]) -> dict[Destination, list[Write]]:
    """The writes of several partitions, in order, by destination."""
    writes: dict[Destination, list[Write]] = defaultdict(list)
    for part in parts:
        for destination, rows in part.items():
            writes[destination] += rows
    return writes


def position_record(position: Position) -> Write:
    """The record that says how far the sources are applied."""
    return POSITION_KEY, encode_position(position), []


@cache
def _limits() -> Mapping[str, int]:
    """The largest record of every topic, by name without prefix."""
    return {name: topic.max_message_bytes for name, topic in load_catalogue().items()}
