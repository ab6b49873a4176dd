"""Whether brokers set the times of records, and how far their clocks are from this machine's."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition

from streams.commands.doctor.finding import Finding, some
from streams.contract.wire.times import DAY, MAX_CLOCK_DIFFERENCE_MS
from streams.running.clients.kafka_reading import partition_reader
from streams.running.log.append_times import APPEND_TIME, clock_difference
from streams.running.log.connection import Connection

# As the alert TocsinClockWrong has it: NTP keeps clocks within milliseconds.
_NOTICED_MS = 60_000


class Measured(NamedTuple):
    """A record that a broker appended at `appended_ms` by its clock.

    It was sent and answered at these times of this machine, in ms since the epoch.
    """

    broker: int
    sent_ms: int
    appended_ms: int
    answered_ms: int

    @property
    def ahead_ms(self) -> int:
        """By how much the broker's clock is certainly ahead; negative if it is behind."""
        return clock_difference(self.appended_ms, self.sent_ms, self.answered_ms)


async def prove_append_time(
    connection: Connection,
    producer: AIOKafkaProducer,
    topic: str,
    leaders: Mapping[int, int],
    brokers: Sequence[int],
    clock: Callable[[], int],
) -> list[Finding]:
    """Write a record with a wrong time to each partition of a topic (with prefix), and read it again.

    `leaders` are the brokers that lead the partitions, `brokers` all that there are; `clock` gives ms since
    the epoch. Raises KafkaError.
    """
    measured = []
    offsets = {}
    for number, leader in leaders.items():
        # The first one makes the connection, and is not measured.
        for _ in range(2):
            sent = clock()
            written = await producer.send_and_wait(topic, b"time", partition=number, timestamp_ms=sent - DAY)
            answered = clock()
        offsets[TopicPartition(topic, number)] = written.offset
        measured.append((TopicPartition(topic, number), leader, sent, answered))
    records = await _read(connection, offsets)
    chosen = [record for record in records.values() if record.timestamp_type != APPEND_TIME]
    if chosen:
        return [
            Finding(
                "append time",
                "failed",
                "a record kept the time that its publisher chose, although its topic has LogAppendTime: "
                f"broker {some(sorted({str(leaders[each.partition]) for each in chosen}))}",
                "Publishers could move Tocsin's time: do not run it on these brokers.",
            )
        ]
    clocks = [Measured(leader, sent, records[tp].timestamp, done) for tp, leader, sent, done in measured]
    return [
        Finding(
            "append time",
            "ok",
            "a record that its publisher dated a day back has the broker's time when it is read",
        ),
        clock_finding(clocks, brokers),
    ]


def clock_finding(clocks: Sequence[Measured], brokers: Sequence[int]) -> Finding:
    """How far the clocks of brokers are from this machine's."""
    furthest = max(clocks, key=lambda each: abs(each.ahead_ms))
    trip = max(each.answered_ms - each.sent_ms for each in clocks)
    ahead = furthest.ahead_ms
    if abs(ahead) > _NOTICED_MS:
        by = timedelta(seconds=abs(ahead) // 1000)
        stops = ahead > MAX_CLOCK_DIFFERENCE_MS
        return Finding(
            "clocks",
            "failed" if stops else "warning",
            f"the clock of broker {furthest.broker} is {'ahead of' if ahead > 0 else 'behind'} this one's by "
            f"{by} (round trip {trip} ms); "
            + ("workers on this machine would stop" if stops else "deadlines are as wrong as that clock"),
            "Correct the clock that is wrong: both should be set by NTP.",
        )
    found = f"{'differ by' if ahead else 'agree within'} {abs(ahead) or trip} ms (round trip {trip} ms)"
    unmeasured = sorted(set(brokers) - {each.broker for each in clocks})
    if unmeasured:
        return Finding(
            "clocks",
            "not tried",
            f"that of broker {some([str(each) for each in unmeasured])}, which leads no partition of the "
            f"probe topic; the others and this machine's {found}",
            "Run this command again: brokers place partitions by chance.",
        )
    return Finding("clocks", "ok", f"those of all brokers and of this machine {found}")


class _Read(NamedTuple):
    partition: int
    timestamp: int
    timestamp_type: int


async def _read(connection: Connection, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, _Read]:
    found: dict[TopicPartition, _Read] = {}
    async with partition_reader(connection, list(offsets)) as reader:
        for place, offset in offsets.items():
            reader.seek(place, offset)
        while len(found) < len(offsets):
            for place, records in (await reader.getmany(timeout_ms=200)).items():
                found.setdefault(
                    place, _Read(place.partition, records[0].timestamp, records[0].timestamp_type)
                )
    return found
