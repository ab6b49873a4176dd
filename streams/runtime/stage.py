"""What the runtime must be told to run a stage: its topics and a few pure functions."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

State = TypeVar("State")

Headers = Sequence[tuple[str, bytes]]


class Record(Protocol):
    """A consumed record; aiokafka's ConsumerRecord is one. `timestamp` is the append time in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


# topic (logical name), partition or None (by murmur2 of the key), key, value, headers
Output = tuple[str, int | None, bytes | None, bytes | None, Headers]


class Outcome(Protocol):
    """What a batch leads to: records to write, the stage's changed state (None deletes a key), and what to count."""

    @property
    def outputs(self) -> Sequence[Output]:
        """What to write, in order."""

    @property
    def changes(self) -> Mapping[bytes, bytes | None]:
        """The state keys that changed, with their new values."""

    @property
    def counters(self) -> Mapping[str, int]:
        """What happened how often, under the stage's own names; for an `Observer`."""

    @property
    def event_times(self) -> Sequence[int]:
        """When what was applied had happened (ms since the epoch), in no promised order; for an `Observer`."""


@dataclass(frozen=True, slots=True)
class SourceTopics:
    """The topics that feed a stage: partition n of all of them belongs to one owner.

    Others write to the external ones; the internal one is the stage's own, for what it sends to another partition of
    itself and for ticks.
    """

    external: tuple[str, ...]
    internal: str

    def __iter__(self) -> Iterator[str]:
        yield from self.external
        yield self.internal


@dataclass(frozen=True, slots=True)
class Stage(Generic[State]):
    """A stage. Topic names are logical; the runtime puts the prefix before them.

    `restore(partition, partitions, entries)` builds a state from the last value of every key.
    `apply(state, records)` judges a batch and changes the state in place: the runtime drops a state whose batch did not
    commit.
    `tick(state, wall_clock_ms)` is the record to append to the internal topic when something is due by then, or None.
    State keys must not begin with `position.RESERVED_KEY_TYPE`.
    """

    name: str
    sources: SourceTopics
    state_topic: str
    restore: Callable[[int, int, Iterable[tuple[bytes, bytes]]], State]
    apply: Callable[[State, Sequence[Record]], Outcome]
    tick: Callable[[State, int], Output | None]
