"""Reads the state of a stage's partition from its log, up to where it can be used."""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple

from aiokafka import TopicPartition

from streams.contract.wire.state_records import UnknownStateVersion, UnusableState
from streams.running.errors import RefusedToStart
from streams.running.log.log import Reader
from streams.running.log.position import SourcePosition
from streams.running.log.restore import UnreadableState, build_state, read_state_with
from streams.running.log.source_logs import LogBounds
from streams.running.log.state_log import Blocked
from streams.running.log.writer import Writer
from streams.running.partitions.stage import RunnableStage, State


class Loaded(NamedTuple, Generic[State]):
    """A partition as committed, built from `records` state records with `keys` different keys.

    `stage` is the one by whose rules it is judged. Without `has_position` nothing was ever committed, and
    `position` is the beginning of the sources.
    """

    stage: RunnableStage[State, Any]
    state: State
    position: dict[str, SourcePosition]
    has_position: bool
    records: int
    keys: int


async def load(
    stage: RunnableStage[State, Any],
    writer: Writer,
    state_log: TopicPartition,
    consumer: Reader,
    bounds: LogBounds,
    end: int,
    blocked: Blocked,
    progress: Callable[[], None] = lambda: None,
) -> Loaded[State]:
    """Read a partition up to the offset `end` of its state log.

    Nobody else may write to it any more (see takeover/takeover.py).
    `consumer` comes from Log.reader; `end` and `blocked` as in read_entries, `bounds` and `progress` as in
    read_state_with. Raises RefusedToStart when the state or the position cannot be used, and RulesMissing
    when the rules of the partition are not ready here.
    """
    sources = [writer.prefix + topic for topic in stage.sources]
    partitions = await writer.partition_count(sources[0])
    restored = await read_state_with(consumer, bounds, state_log, sources, partitions, progress, end, blocked)
    where = f"{state_log.topic} partition {state_log.partition}"
    try:
        judging = stage.for_entries(restored.entries)
        state = build_state(
            lambda entries: judging.restore(state_log.partition, partitions, entries), restored.entries
        )
    except (UnreadableState, UnknownStateVersion) as error:
        raise RefusedToStart(
            f"{where}: {error}. Run the version that wrote it, "
            "or reset the state after reading docs/operations-emergencies.md."
        ) from error
    except UnusableState as error:
        raise RefusedToStart(f"{where}: {error}.") from error
    return Loaded(
        judging,
        state,
        dict(restored.position),
        restored.has_position,
        restored.records_read,
        len(restored.entries),
    )
