"""Reads a partition's committed state."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from aiokafka import TopicPartition

from streams.running.errors import RefusedToStart
from streams.running.log.log import Log, Reader
from streams.running.log.position import RESTORING_KEY, SourcePosition
from streams.running.log.source_logs import (
    UNDECODABLE,
    LogBounds,
    fitting_position,
    last_applied,
    log_bounds,
    require_partition_count,
    require_same_log,
    take_position,
)
from streams.running.log.state_log import Blocked, keep_waiting, read_entries

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Restored:
    """The last committed value of every key, and the position, which is not among them.

    Without `has_position` there was none, and `position` is the beginning of the sources.
    """

    entries: Mapping[bytes, bytes]
    position: Mapping[str, SourcePosition]
    has_position: bool
    records_read: int


class UnreadableState(ValueError):
    """A state record cannot be decoded. The message names the type of its key, not the key."""


def build_state(
    restore: Callable[[Iterable[tuple[bytes, bytes]]], State], entries: Mapping[bytes, bytes]
) -> State:
    """The state that `restore` builds.

    Raises UnreadableState, which names the key type of the record that failed.
    """
    current: bytes | None = None

    def tracked() -> Iterator[tuple[bytes, bytes]]:
        nonlocal current
        for key, value in entries.items():
            current = key
            yield key, value
        current = None

    try:
        return restore(tracked())
    except UNDECODABLE as error:
        what = "the state as a whole" if current is None else f"a state record of key type {current[:1]!r}"
        raise UnreadableState(f"{what} cannot be read ({error})") from error


async def read_state(
    log: Log,
    state: TopicPartition,
    sources: list[str],
    partitions: int,
) -> Restored:
    """Read partition `state` to its last stable offset, and determine the next offset of each source topic.

    A source without a position starts at the beginning of its log. Raises RefusedToStart when the position
    cannot be trusted, as continuing would lose or repeat reports, and OwnershipLost when no broker tells
    whether it can be.
    """
    logs = [state, *(TopicPartition(topic, state.partition) for topic in sources)]
    async with log.reader() as consumer:
        bounds = await log_bounds(consumer, logs)
        restored = await read_state_with(
            consumer, bounds, state, sources, partitions, lambda: None, bounds.ends[state], keep_waiting
        )
        if not restored.has_position:
            await require_partition_count(consumer, state, partitions)
        positions = {TopicPartition(topic, state.partition): at for topic, at in restored.position.items()}
        for tp in last_applied(bounds, positions):
            await require_same_log(consumer, tp, positions[tp])
        return restored


async def read_state_with(
    consumer: Reader,
    bounds: LogBounds,
    state: TopicPartition,
    sources: list[str],
    partitions: int,
    progress: Callable[[], None],
    end: int,
    blocked: Blocked,
) -> Restored:
    """Read partition `state` to the offset `end`; `bounds` are those of the state and of its sources.

    `blocked` as in read_entries. `progress` is called after each fetch that returned records. Raises
    RefusedToStart as read_state does; what must be asked of the brokers for that is left to the caller: see
    source_logs.py.
    """
    entries, records_read = await read_entries(
        consumer, state, end, progress, blocked, start=bounds.begins[state]
    )
    require_finished(state, entries)
    position = take_position(state, entries)
    found = fitting_position(bounds, state.partition, position, sources, partitions)
    return Restored(entries, found, bool(position), records_read)


def require_finished(state: TopicPartition, entries: Mapping[bytes, bytes]) -> None:
    """Raise RefusedToStart if the entries are those of a restore from a file that was not finished."""
    if RESTORING_KEY in entries:
        raise RefusedToStart(
            f"{state.topic} partition {state.partition}: a restore of the state was not finished, so a part "
            "of it is missing. Run `tocsin state restore` with the same file again; it starts from the "
            "beginning."
        )
