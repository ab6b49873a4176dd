"""What the runtime tells whoever keeps metrics. Called once per batch or rarer, never per record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from streams.runtime.stage import Outcome, State


@dataclass(frozen=True, slots=True)
class CommittedBatch(Generic[State]):
    """A batch of one partition whose transaction is committed.

    `records` counts the applied records by topic, without the prefix. `append_times` (ms since the epoch) are theirs,
    in no promised order. `state` is the partition's, after the batch. `transaction_seconds` is the time from the first
    byte sent to the commit.
    """

    partition: int
    records: Mapping[str, int]
    append_times: Sequence[int]
    outcome: Outcome
    state: State
    transaction_seconds: float


@dataclass(frozen=True, slots=True)
class Takeover(Generic[State]):
    """A partition whose state was restored. `records` were read, of which `keys` hold a value."""

    partition: int
    state: State
    seconds: float
    records: int
    keys: int


class Observer(Generic[State]):
    """Sees what happens and does nothing; override what is to be seen."""

    def taking_over(self, partition: int) -> None:
        """A partition is about to be restored; `taken_over` or `released` follows."""

    def restoring(self, partition: int) -> None:
        """More of the state of a partition that is being restored has come."""

    def taken_over(self, takeover: Takeover[State]) -> None:
        """A partition became ours."""

    def released(self, partition: int) -> None:
        """A partition is no longer ours."""

    def committed(self, batch: CommittedBatch[State]) -> None:
        """A batch was applied and committed."""

    def ticked(self, partition: int) -> None:
        """A tick was appended to the internal topic."""

    def transaction_failed(self, partition: int, *, fenced: bool) -> None:
        """A transaction did not commit; `fenced` when another owner is the reason. The worker will stop."""

    def rebalanced(self, partitions: int | None) -> None:
        """The group was rebalanced, and everything that is ours is taken over.

        `partitions` are there for the workers to share, of which some may be ours; None if no broker has told us.
        """
