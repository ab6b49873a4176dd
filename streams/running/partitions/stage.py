"""What the runtime must know of a stage to run it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

from streams.contract.wire.records import OutputRecord, SourceRecord
from streams.contract.wire.topics import SourceTopics

State = TypeVar("State")


class Ahead(Protocol):
    """A record that is not applied yet: of this topic, and this event time (ms)."""

    @property
    def topic(self) -> str:
        """With the prefix."""

    @property
    def moment(self) -> int:
        """In ms since the epoch."""


class BatchResult(Protocol):
    """What a batch leads to: records to write, changed state, and what observers want to know."""

    @property
    def outputs(self) -> Sequence[OutputRecord]:
        """What to write, in order."""

    @property
    def changes(self) -> Mapping[bytes, bytes | None]:
        """The state keys that changed, with their new values; None deletes. Complete with the last slice."""

    @property
    def finished_records(self) -> int:
        """How many of the records need not be handed in again."""

    @property
    def finished_entries(self) -> int:
        """How many entries of the next record are applied, if it is a bundle."""

    @property
    def reached(self) -> Mapping[str, int]:
        """The latest event time (ms) read of each source of which something was read."""

    @property
    def ahead(self) -> "Ahead | None":
        """The record at which the batch stopped, because its source may not be read so far yet."""


class Switch(Protocol):
    """By which rules partitions are to be judged; only stages know the rest of it."""

    @property
    def rule_set(self) -> str:
        """The set in force."""

    @property
    def candidate(self) -> str | None:
        """The set that is tried beside it."""

    @property
    def change(self) -> int:
        """What orders such changes."""


Result = TypeVar("Result", bound=BatchResult)
Result_co = TypeVar("Result_co", bound=BatchResult, covariant=True)


class RunnableStage(Protocol[State, Result_co]):
    """A stage. Topic names are without prefix; the runtime puts it before them.

    State keys must not begin with `position.RESERVED_KEY_TYPE`.
    """

    @property
    def name(self) -> str:
        """Part of the claims and a label of metrics."""

    @property
    def sources(self) -> SourceTopics:
        """What the stage reads."""

    @property
    def aligned(self) -> Sequence[str]:
        """The sources that are read side by side with those of other partitions, in event time."""

    @property
    def relays(self) -> bool:
        """Whether what was read of aligned sources passes through the internal topic of this stage."""

    @property
    def state_topic(self) -> str:
        """Where its state is kept."""

    def for_entries(self, entries: Mapping[bytes, bytes]) -> Self:
        """The stage by whose rules a partition with these state records is judged. Raises RulesMissing."""

    def for_state(self, state: State) -> Self:
        """The stage by whose rules a partition is judged: another one after a change of rules."""

    def say_rules(self, state: State, switch: Any) -> OutputRecord | None:
        """The record to append to the internal topic so that the partition is judged as `switch` says.

        It is what the worker wants (see Switch). None if the state says so already.
        """

    def restore(self, partition: int, partitions: int, entries: Iterable[tuple[bytes, bytes]]) -> State:
        """Build the state of a partition from the last value of every key."""

    def apply_in_slices(
        self,
        state: State,
        records: Sequence[SourceRecord],
        *,
        until: Mapping[str, int] | None = None,
        last_entries: int | None = None,
    ) -> Iterator[Result_co]:
        """Apply a batch in slices of some milliseconds, yielding the result, still incomplete, after each.

        Takes as many of the records as one transaction should hold, and of sources in `until` only what is no
        later than the event time (ms) there. If the last record can be applied in parts, it is applied up to
        part `last_entries`, or if those before are applied already, to the end of the next one. Changes the
        state in place: the runtime drops a state whose batch did not commit. An exception sets the partition
        aside, unless it is NotAtHome; StageFailed says on what.
        """

    def tripped(self, result: Any) -> Mapping[str, int]:
        """The topics (with prefix) that the dead letter breaker slows after a batch.

        With how many of their records were unreadable.
        """

    def paused_sources(self, state: State) -> Collection[str]:
        """The sources of which no record may be handed in."""

    def skipped_below(self, state: State, topic: str) -> int:
        """The offset of a source below which the stage does not read its records."""

    def say_room(self, state: State, *, has_room: bool) -> OutputRecord | None:
        """The record to append to the internal topic to say whether there is memory for more.

        None if the state knows it already.
        """

    def is_decision(self, record: SourceRecord) -> bool:
        """Whether a record of the internal topic is an operator's decision about that topic itself."""

    def obey(self, state: State, records: Iterable[SourceRecord]) -> None:
        """Put such decisions into force at once: one to skip a record stands behind it in the same log."""

    def tick(self, state: State, wall_clock_ms: int) -> OutputRecord | None:
        """The record to append to the internal topic when something is due by then, or None."""
