"""The times of a stage's partitions, and corrections of those that ran ahead."""

from datetime import timedelta
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from streams.clients.kafka_reading import committed_records, partition_count
from streams.clients.kafka_writing import producer_for
from streams.events.time_correction import TimeCorrection
from streams.partition.census import take_census
from streams.partition.stage import Stage
from streams.partition.state import PARTITION_TIME
from streams.partition.time import MAX_TIME_AHEAD_MS
from streams.reporters.state import ReporterState
from streams.reports.census import take_report_census
from streams.reports.state import ReportState
from streams.runtime.patches.fetched_records import FetchedRecord
from streams.runtime.restore import build_state, read_state
from streams.wire.time_correction import encode_time_correction
from streams.wire.times import MAX_CLOCK_DIFFERENCE_MS
from streams.worker.settings import Settings

AnyStage = Stage[Any, Any, Any]


class PartitionClock(NamedTuple):
    """The time of a partition in ms since the epoch; 0 if nothing was applied there yet."""

    stage: str
    partition: int
    time_ms: int

    def is_wrong(self, clock_ms: int) -> bool:
        """Whether the time is further ahead of a machine's clock than correct clocks allow."""
        return self.time_ms > clock_ms + MAX_TIME_AHEAD_MS

    def against(self, clock_ms: int) -> str:
        """How far the time is ahead of a machine's clock or behind it, for a person."""
        if not self.time_ms:
            return "-"
        distance = timedelta(seconds=abs(self.time_ms - clock_ms) // 1000)
        return f"{distance} {'ahead' if self.time_ms > clock_ms else 'behind'}"


class Correction(NamedTuple):
    """What a correction changes: the numbers of state records by kind, before and after."""

    clock: PartitionClock
    before: dict[str, int]
    after: dict[str, int]


async def read_clocks(settings: Settings, stage: AnyStage) -> list[PartitionClock]:
    """Read the committed time of every partition of a stage.

    Raises UnknownTopicOrPartitionError if its state topic is missing, UnknownStateVersion if another version wrote it.
    """
    topic = settings.topic_prefix + stage.state_topic
    partitions = await partition_count(settings.connection(), topic)
    times: dict[int, bytes] = {}
    async for record in committed_records(settings.connection(), topic):
        if record.key == PARTITION_TIME:
            times[record.partition] = record.value
    clocks = []
    for partition in range(partitions):
        entries = [(PARTITION_TIME, times[partition])] if partition in times else []
        state = stage.restore(partition, partitions, entries)
        clocks.append(PartitionClock(stage.name, partition, state.time.now))
    return clocks


async def try_correction(
    settings: Settings, stage: AnyStage, clock: PartitionClock, correction: TimeCorrection
) -> Correction:
    """Apply a correction to a copy of the committed state, and return what it changes; writes nothing.

    Raises RefusedToStart if a worker could not start from the state.
    """
    state_topic = TopicPartition(settings.topic_prefix + stage.state_topic, clock.partition)
    sources = [settings.topic_prefix + topic for topic in stage.sources]
    partitions = await partition_count(settings.connection(), sources[0])
    restored = await read_state(settings.connection(), state_topic, sources, partitions)
    state = build_state(lambda entries: stage.restore(clock.partition, partitions, entries), restored.entries)
    before = _records(state)
    value, headers = encode_time_correction(correction)
    record: Any = FetchedRecord(
        stage.sources.internal, clock.partition, 0, correction.clock_ms, 1, None, value, list(headers)
    )
    stage.apply(state, [record])
    return Correction(clock, before, _records(state))


async def write_correction(
    settings: Settings, stage: AnyStage, partition: int, correction: TimeCorrection
) -> int | None:
    """Append a correction to the stage's internal topic, from which the partition's owner applies it.

    Returns the broker's append time if it differs so much from the clock in the correction that the correction has no
    effect, else None.
    """
    topic = settings.topic_prefix + stage.sources.internal
    value, headers = encode_time_correction(correction)
    async with producer_for(settings, topic) as producer:
        written = await producer.send_and_wait(topic, value, partition=partition, headers=list(headers))
    appended: int = written.timestamp
    return None if abs(appended - correction.clock_ms) <= MAX_CLOCK_DIFFERENCE_MS else appended


def _records(state: Any) -> dict[str, int]:
    if isinstance(state, ReporterState):
        return {"reporters": len(state.reporters)}
    census = take_report_census(state) if isinstance(state, ReportState) else take_census(state)
    return {
        kind: number for kind, number in census.records.items() if kind in ("counts", "episodes", "clocks")
    }
