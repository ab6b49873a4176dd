"""Adds up what partitions count while a candidate is tried."""

from streams.contract.events.rules.rule_trial import RuleTrialCount, TrialCountOf
from streams.registry.changes.halting import Sides, TrialNumbers
from streams.registry.changes.history import OnTrial

_Row = tuple[int, TrialCountOf, str, int]


class TrialTotals:
    """The last number of each partition of the newest trial that was read; give it every record in order."""

    def __init__(self) -> None:
        self._change = 0
        self._last: dict[_Row, Sides] = {}

    def read(self, count: RuleTrialCount) -> None:
        """Take a number. One of an earlier trial comes of a partition that has not read of its end."""
        if count.change < self._change:
            return
        if count.change > self._change:
            self._change, self._last = count.change, {}
        row = (count.partition, count.of, count.policy or "", count.level or 0)
        self._last[row] = Sides(count.by_in_force, count.by_candidate)

    def of(self, trial: OnTrial) -> TrialNumbers:
        """Return the numbers of a trial; all are 0 if nothing of it was read."""
        sums: dict[tuple[TrialCountOf, str, int], Sides] = {}
        if self._change == trial.version:
            for (_, of, policy, level), sides in self._last.items():
                before = sums.get((of, policy, level), Sides())
                sums[of, policy, level] = Sides(
                    before.in_force + sides.in_force, before.candidate + sides.candidate
                )
        return TrialNumbers(
            trial.share,
            sums.get(("reports", "", 0), Sides()),
            sums.get(("windows", "", 0), Sides()),
            {
                (policy, level): sides
                for (of, policy, level), sides in sorted(sums.items())
                if of == "episodes"
            },
        )
