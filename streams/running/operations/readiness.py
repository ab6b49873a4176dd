"""Whether a worker is ready: it has joined the group and restored all partitions assigned to it."""

import time
from collections.abc import Callable, Collection

# The brokers wait 60 s for the slowest worker of a group (Faust's `broker_rebalance_timeout`) and continue
# without it. A rebalance that takes twice as long will not end by itself.
LONGEST_REBALANCE_SECONDS = 120.0

# So many partitions that are not yet restored are named: one that hangs is among them.
MOST_NAMED = 8


class Readiness:
    """Tracks rebalances and takeovers.

    The consumer's thread calls it too, so each call sets single attributes only.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._since = monotonic()
        self._assigned = False
        self._rebalancing = False
        self._restoring: frozenset[int | str] = frozenset()
        # How many partitions there were to restore in this takeover.
        self._to_restore = 0
        self._progress = 0
        self._differs_in: tuple[str, ...] = ()
        self._without_rules: str | None = None

    @property
    def is_kept_out(self) -> bool:
        """Whether the worker waits outside of its group, because the others have other settings."""
        return bool(self._differs_in)

    @property
    def restoring(self) -> bool:
        """Whether the state of a partition is being restored."""
        return bool(self._restoring)

    @property
    def waiting_for_others(self) -> bool:
        """Whether a rebalance is in progress that may still end by itself.

        Nothing can be applied meanwhile.
        """
        return self._rebalancing and self._monotonic() - self._since < LONGEST_REBALANCE_SECONDS

    @property
    def restore_progress(self) -> int | None:
        """A number that changes whenever a restore makes progress; None while nothing is being restored."""
        return self._progress if self._restoring else None

    def _progress_of_takeover(self) -> str:
        left = self._restoring
        done = f"{self._to_restore - len(left)} of {self._to_restore} partitions"
        return f"{done}, not yet {', '.join(sorted(map(str, left)))}" if len(left) <= MOST_NAMED else done

    def differs_in(self, names: Collection[str]) -> None:
        """Record what the others of the group have in another way; nothing if they do not."""
        self._differs_in = tuple(names)

    def without_rules(self, why: str | None) -> None:
        """Record why the rules in force cannot be used here; None if they can."""
        self._without_rules = why

    def rebalance_began(self) -> None:
        """Record that the group is about to reassign its partitions."""
        self._since = self._monotonic()
        self._rebalancing = True

    def taking_over(self, partition: int | str) -> None:
        """Record that a partition is to be restored.

        `partition` is a number, or a text that also names the stage.
        """
        self._to_restore = self._to_restore + 1 if self._restoring else 1
        self._restoring |= {partition}
        self._progress += 1

    def restoring_goes_on(self) -> None:
        """Record that more of a partition's state was read."""
        self._progress += 1

    def settled(self, partition: int | str) -> None:
        """Record that a partition is restored, or was revoked before that."""
        self._restoring -= {partition}
        self._progress += 1

    def rebalanced(self) -> None:
        """Record that all assigned partitions are restored.

        A standby worker without partitions is ready too.
        """
        self._assigned = True
        self._rebalancing = False

    def reason_against(self) -> str | None:
        """Why the worker is not ready, with the seconds so far; None if it is ready."""
        seconds = f"{self._monotonic() - self._since:.0f} s"
        if self._without_rules is not None:
            return (
                f"not in the group: the rules in force cannot be used here: {self._without_rules}, {seconds}"
            )
        if self._differs_in:
            names = "; ".join(self._differs_in)
            return f"not in the group, whose workers have other settings: {names}, {seconds}"
        if self._restoring:
            return f"taking over: {self._progress_of_takeover()}, {seconds}"
        if not self._assigned:
            return f"waiting for the group's first assignment, {seconds}"
        if self._rebalancing:
            return f"the group is rebalancing, {seconds}"
        return None
