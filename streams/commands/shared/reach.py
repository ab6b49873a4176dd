"""How far back the policies look: an older report is taken, and its publisher would not notice what follows.

A late report is judged in the windows of its own time as long as their panes are held.
"""

from collections.abc import Container, Iterable

from streams.contract.events.report import Category
from streams.contract.wire.times import DAY, HOUR, MINUTE
from streams.counting.windows import FINE_MS, RINGS, WindowSpec, pane_start, window_spec, window_start
from streams.registry.policy import Policy

_UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))


class Reach:
    """The windows of the policies, by category. A policy that is off has none.

    `floor` are the categories of which a person looks at every report, however late it is.
    """

    def __init__(self, policies: Iterable[Policy], floor: Container[Category] = ()) -> None:
        self._floor = floor
        looking = [policy for policy in policies if policy.mode != "off"]
        self._windows = {
            category: [
                window_spec(*window)
                for window in sorted(
                    {(each.window_ms, each.window) for each in looking if category in each.categories}
                )
            ]
            for category in {each for policy in looking for each in policy.categories}
        }

    def too_old(self, category: Category, occurred_ms: int, now_ms: int) -> str | None:
        """Why no policy judges a report in its own time; None if one does, or none has its category."""
        occurred, now = occurred_ms // FINE_MS, now_ms // FINE_MS
        windows = self._windows.get(category)
        if not windows or any(occurred >= _judged_from(each, now) for each in windows):
            return None
        if category in self._floor:
            follows = "a person looks at it, and it adds no risk"
        else:
            counted = "is not counted" if pane_start(occurred, now) is None else "is counted"
            follows = f"it {counted}, and no policy opens anything for it"
        return (
            f"{_age(now_ms - occurred_ms)} old: outside the window of every policy for {category} "
            f"({', '.join(each.text for each in windows)}): {follows}"
        )


def _judged_from(window: WindowSpec, now: int) -> int:
    """Return the first fine index of the oldest window that is judged for a late report."""
    return window_start(window.ring, window.panes + RINGS[window.ring].late, now)


def _age(milliseconds: int) -> str:
    for unit_ms, unit in _UNITS:
        if count := milliseconds // unit_ms:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"
