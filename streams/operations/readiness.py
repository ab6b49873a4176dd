"""Whether a worker does its work: it has taken part in the group, and what is assigned to it is restored."""

import time
from collections.abc import Callable

# The brokers wait 60 s for the slowest worker of a group (Faust's `broker_rebalance_timeout`) and go on without it. A
# rebalance that takes twice as long will not end by itself.
LONGEST_REBALANCE_SECONDS = 120.0


class Readiness:
    """Follows rebalances and takeovers. Called from the consumer's thread too: each call sets single attributes."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._since = monotonic()
        self._assigned = False
        self._rebalancing = False
        self._restoring: frozenset[int | str] = frozenset()
        self._progress = 0

    @property
    def restoring(self) -> bool:
        """Whether the state of a partition is being restored."""
        return bool(self._restoring)

    @property
    def waiting_for_others(self) -> bool:
        """Whether a rebalance goes on that may still end by itself: until then nothing can be applied."""
        return self._rebalancing and self._monotonic() - self._since < LONGEST_REBALANCE_SECONDS

    @property
    def restore_progress(self) -> int | None:
        """A number that changes whenever a restore gets on; None while nothing is being restored."""
        return self._progress if self._restoring else None

    def rebalance_began(self) -> None:
        """The group is about to share the partitions out again."""
        self._since = self._monotonic()
        self._rebalancing = True

    def taking_over(self, partition: int | str) -> None:
        """A partition is being restored; a stage beside the first one says in words which of its."""
        self._restoring |= {partition}
        self._progress += 1

    def restoring_goes_on(self) -> None:
        """More of the state of a partition has come."""
        self._progress += 1

    def settled(self, partition: int | str) -> None:
        """A partition is restored, or given up."""
        self._restoring -= {partition}
        self._progress += 1

    def rebalanced(self) -> None:
        """Everything that is assigned is restored. It may be nothing: who stands by is ready too."""
        self._assigned = True
        self._rebalancing = False

    def reason_against(self) -> str | None:
        """Why the worker is not ready, None when it is."""
        seconds = f"{self._monotonic() - self._since:.0f} s"
        if self._restoring:
            return f"restoring partitions {', '.join(sorted(map(str, self._restoring)))}, {seconds}"
        if not self._assigned:
            return f"waiting for the group's first assignment, {seconds}"
        if self._rebalancing:
            return f"the group is rebalancing, {seconds}"
        return None
