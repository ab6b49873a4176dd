"""A condition of a policy: when it holds, and how it reads."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Final

from msgspec import UNSET

from streams.contract.events import escalation
from streams.contract.events.escalation import Comparison
from streams.counting.measures import MEASURES, Measure, MeasureName
from streams.counting.sums import WindowCounts

# No measure has so many steps, and it fits into 64 bits.
_MOST: Final = 1 << 62

# From which whole step of the measure on a comparison with a bound holds, and from which on no longer.
_RANGES: dict[Comparison, Callable[[float], tuple[int, int]]] = {
    ">=": lambda bound: (ceil(bound), _MOST),
    ">": lambda bound: (floor(bound) + 1, _MOST),
    "<": lambda bound: (-_MOST, ceil(bound)),
    "<=": lambda bound: (-_MOST, floor(bound) + 1),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A measure compared with a threshold in the unit of the measure. Make one with `condition`.

    It holds from `low` whole steps of the measure on, and below `high`. `read` is the measure's.
    """

    measure: Measure
    comparison: Comparison
    threshold: float
    low: int
    high: int
    read: Callable[[WindowCounts], int]

    @property
    def text(self) -> str:
        """The condition as written in a policy, such as `risk >= 0.5`."""
        return f"{self.measure.name} {self.comparison} {self.threshold:.15g}"

    @property
    def is_minimum(self) -> bool:
        """Whether it does not hold without reports."""
        return self.low > 0

    @property
    def has_limit(self) -> bool:
        """Whether more than some value does not meet it."""
        return self.high < _MOST

    @property
    def is_idle(self) -> bool:
        """Whether it always holds, or never."""
        return self.high <= 0 or (self.low <= 0 and not self.has_limit)

    @property
    def least_reports(self) -> int:
        """With fewer reports it cannot hold: most measures do not exceed the number of reports."""
        if not self.measure.within_reports:
            return int(self.low > 0)
        return max(0, ceil(self.low / self.measure.scale))

    def holds(self, counts: WindowCounts) -> bool:
        """Return whether it holds in a window with these counts."""
        return self.low <= self.read(counts) < self.high

    def lasting(self, share: float) -> "Condition":
        """Return the condition that the measure is still as high as `share` of the threshold."""
        low, _ = _RANGES[self.comparison](share * self.measure.steps(self.threshold))
        return replace(self, low=low, high=_MOST)

    def shown(self, counts: WindowCounts, *, any_of: bool = False) -> escalation.Condition:
        """Return the condition as an escalation shows it.

        `any_of`: it is one of several of which one is enough.
        """
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
    low, high = _RANGES[comparison](measure.steps(threshold))
    return Condition(measure, comparison, float(threshold), low, high, measure.read)
