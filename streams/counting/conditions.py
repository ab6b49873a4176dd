"""A condition of a policy: when it holds, and how it reads."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, floor

from msgspec import UNSET

from streams.counting.measures import MEASURES, Measure, MeasureName
from streams.counting.sums import WindowCounts
from streams.events import escalation
from streams.events.escalation import Comparison


@dataclass(frozen=True, slots=True)
class Condition:
    """A measure compared with a threshold in the unit of the measure. Make one with `condition`.

    `is_minimum`: it holds from `steps` whole steps of the measure on, and without reports it does not; otherwise it holds
    below them. `read` is the measure's.
    """

    measure: Measure
    comparison: Comparison
    threshold: float
    steps: int
    is_minimum: bool
    read: Callable[[WindowCounts], int]

    @property
    def text(self) -> str:
        """The condition as written in a policy, such as `risk >= 0.5`."""
        return f"{self.measure.name} {self.comparison} {self.threshold:g}"

    @property
    def least_reports(self) -> int:
        """With fewer reports it cannot hold, because no measure exceeds the number of reports."""
        return _whole(self.comparison, self.threshold) if self.is_minimum else 0

    def holds(self, counts: WindowCounts) -> bool:
        """Return whether it holds in a window with these counts."""
        return (self.read(counts) >= self.steps) is self.is_minimum

    def scaled(self, factor: float) -> "Condition":
        """Return the condition with `factor` times the threshold."""
        steps = _whole(self.comparison, factor * self.measure.steps(self.threshold))
        return replace(self, threshold=factor * self.threshold, steps=steps)

    def shown(self, counts: WindowCounts, *, any_of: bool = False) -> escalation.Condition:
        """Return the condition as an escalation shows it. `any_of`: it is one of several of which one is enough."""
        return escalation.Condition(
            self.measure.name,
            self.measure.value(counts),
            self.threshold,
            UNSET if self.comparison == ">=" else self.comparison,
            any_of or UNSET,
        )


def condition(name: MeasureName, comparison: Comparison, threshold: float) -> Condition:
    """Return the condition that a measure must meet, such as `condition("reports", ">=", 5)`."""
    measure = MEASURES[name]
    steps = _whole(comparison, measure.steps(threshold))
    return Condition(measure, comparison, float(threshold), steps, comparison in (">=", ">"), measure.read)


def _whole(comparison: Comparison, bound: float) -> int:
    """Return the whole number from which on `>=` or `>` hold of the bound, and below which `<` or `<=` do."""
    return ceil(bound) if comparison in (">=", "<") else floor(bound) + 1
