"""What the runtime reports to metrics and logs. Called once per batch or less often, never per record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from streams.running.partitions.stage import Result, State


@dataclass(frozen=True, slots=True)
class CommittedBatch(Generic[Result]):
    """A batch of one partition whose transaction is committed.

    `records` counts the applied records by topic, without the prefix. `append_times` (ms since the epoch) are
    theirs, in no promised order. `transaction_seconds` is the time from the first byte sent to the commit.
    """

    partition: int
    records: Mapping[str, int]
    append_times: Sequence[int]
    result: Result
    transaction_seconds: float


@dataclass(frozen=True, slots=True)
class Takeover(Generic[State]):
    """A partition whose state was restored from so many `records`."""

    partition: int
    state: State
    seconds: float
    records: int


class Observer(Generic[State, Result]):
    """Does nothing; override what is of interest."""

    def taking_over(self, partition: int) -> None:
        """A partition is about to be restored; `taken_over` or `released` follows."""

    def restoring(self, partition: int) -> None:
        """More state of a partition that is being restored has arrived."""

    def taken_over(self, takeover: Takeover[State]) -> None:
        """This worker owns another partition."""

    def released(self, partition: int) -> None:
        """This worker owns a partition no longer."""

    def committed(self, batch: CommittedBatch[Result]) -> None:
        """A batch was applied and committed."""

    def ticked(self, partition: int) -> None:
        """A tick was appended to the internal topic."""

    def transaction_failed(self, partition: int, *, fenced: bool) -> None:
        """A transaction did not commit; `fenced` if another worker owns the partition now.

        The worker will stop.
        """

    def clocks_compared(self, partition: int, ahead_ms: int) -> None:
        """A transaction showed how far a broker's clock is ahead of this machine's (see clock_difference)."""

    def resting(self, partition: int, sources: Mapping[str, str]) -> None:
        """The sources (without prefix) of a partition that rest now, and why; the others do not."""

    def set_aside(self, partition: int, records: str, error: str) -> None:
        """A partition could not be applied and has no state until `read_again`.

        `records` and `error` say what failed.
        """

    def waits(self, partition: int, destinations: str) -> None:
        """A partition waits for destinations, named for people, and has no state until `read_again`."""

    def read_again(self, partition: int, state: State) -> None:
        """The state of a partition that was set aside is in memory again. What failed is tried again."""

    def recovered(self, partition: int) -> None:
        """What failed in a partition that was set aside has been applied or skipped."""

    def rebalanced(self, partitions: int | None) -> None:
        """The group was rebalanced, and every partition assigned to this worker is taken over.

        `partitions` is the number that all workers share; None if no broker has answered yet.
        """
