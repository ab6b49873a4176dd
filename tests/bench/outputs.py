"""Reads the committed records of an output topic and when the broker appended them."""

import time
from collections.abc import Iterator, Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from tests.bench.place import STALLED_SECONDS

# Asking costs the broker a little; ten times a second is precise enough for runs of many seconds.
LOOK_SECONDS = 0.1
# A topic with enough offsets that has not grown for this long is complete: a cycle of a worker takes less.
SETTLED_SECONDS = 1.5

LEADER_SECONDS = 20.0

# Share of the records that is skipped at the start: caches fill, and the first cycle waits for the first
# fetch.
WARM_UP = 0.1


class Outputs:
    """The records of a topic that a read_committed consumer sees."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "bench",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.max.bytes": 64 * 1024 * 1024,
                "log_level": 0,
            }
        )
        found = self._consumer.list_topics(topic, timeout=20).topics[topic].partitions
        self._partitions = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in found]

    def size(self) -> int:
        """Number of offsets in use: records and transaction markers."""
        return sum(map(self._end_of, self._partitions))

    def _end_of(self, tp: TopicPartition) -> int:
        for _ in range(int(LEADER_SECONDS / LOOK_SECONDS)):
            try:
                return self._consumer.get_watermark_offsets(tp, timeout=20)[1]
            except KafkaException as error:
                # A topic that was created just now may have no leader for a moment.
                if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION:
                    raise
                time.sleep(LOOK_SECONDS)
        raise AssertionError(f"{tp.topic} partition {tp.partition} has no leader for {LEADER_SECONDS:.0f} s")

    def wait(self, count: int) -> None:
        """Wait until the topic has at least `count` offsets and stops growing.

        Raises AssertionError if it stops growing earlier.
        """
        size, grown_at = self.size(), time.monotonic()
        while True:
            time.sleep(LOOK_SECONDS)
            now_size = self.size()
            quiet = time.monotonic() - grown_at
            if now_size != size:
                size, grown_at = now_size, time.monotonic()
            elif size >= count and quiet > SETTLED_SECONDS:
                return
            assert quiet < STALLED_SECONDS, f"{self.topic} stopped growing at {size}, {count} were expected"

    def append_times(self) -> list[int]:
        """Append times (ms) of all committed records, ascending."""
        return sorted(message.timestamp()[1] for message in self.committed())

    def append_times_of(self, series: str, count: int) -> list[int]:
        """Append times (ms, ascending) of the reports `series-0` to `series-(count - 1)`.

        Raises AssertionError unless each of them was written exactly once, and no other report.
        """
        first = f"{series}-".encode()
        came = bytearray(count)
        times = []
        for message in self.committed():
            report_id = next(value for name, value in message.headers() if name == "ce_id")
            assert report_id.startswith(first), f"{report_id!r} was not published here"
            number = int(report_id[len(first) :])
            assert number < count and not came[number], f"{report_id!r} was written twice, or never published"
            came[number] = 1
            times.append(message.timestamp()[1])
        assert len(times) == count, (
            f"{series}-{came.index(0)} and {count - len(times) - 1} more were never written"
        )
        return sorted(times)

    def committed(self) -> Iterator[Message]:
        """All committed records, those of a partition in order; can be read once."""
        self._consumer.assign(self._partitions)
        open_ends = {tp.partition for tp in self._partitions}
        while open_ends:
            for message in self._consumer.consume(10_000, 0.2):
                error = message.error()
                if error is None:
                    yield message
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    open_ends.discard(message.partition())
        self._consumer.close()


def steady_rate(times: Sequence[int]) -> float:
    """Records per second between the end of the warm-up and the last record; `times` in ms, ascending."""
    begin = times[int(len(times) * WARM_UP)]
    after = sum(time > begin for time in times)
    assert after, "all records have the same append time: too few to measure a rate"
    return after / (times[-1] - begin) * 1000
