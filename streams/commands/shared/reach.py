"""How far back the policies look: an older report is taken, and its publisher would not notice what follows.

A late report is judged in the windows of its own time as long as their panes are held.
"""

from collections.abc import Container, Iterable
from typing import Literal, NamedTuple

from streams.contract.events.report import Category
from streams.contract.wire.times import DAY, HOUR, MINUTE
from streams.counting.windows import FINE_MS, RINGS, WindowSpec, pane_start, window_spec, window_start
from streams.registry.categories import load_categories
from streams.registry.policies import load_policies
from streams.registry.policy import Policy
from streams.running.worker.settings import Settings

_UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))


class Judged(NamedTuple):
    """A policy of a report's category, and which of its windows can have the report.

    `where`: that of now, only those of its own time, or none that is judged.
    """

    policy: str
    window: str
    where: Literal["now", "then", "out"]


class Reach:
    """The windows of the policies, by category. A policy that is off has none.

    `floor` are the categories of which a person looks at every report, however late it is.
    """

    def __init__(self, policies: Iterable[Policy], floor: Container[Category] = ()) -> None:
        self._floor = floor
        self._windows: dict[Category, list[tuple[WindowSpec, str]]] = {}
        for policy in sorted(policies, key=lambda policy: policy.window_ms):
            if policy.mode != "off":
                window = window_spec(policy.window_ms, policy.window)
                for category in policy.categories:
                    self._windows.setdefault(category, []).append((window, policy.id))

    def judged(self, category: Category, occurred_ms: int, now_ms: int) -> list[Judged]:
        """Each policy of a category, the shortest window first, and whether it can judge a report."""
        occurred, now = occurred_ms // FINE_MS, now_ms // FINE_MS
        found = []
        for window, policy in self._windows.get(category, ()):
            where: Literal["now", "then", "out"] = "out"
            if occurred >= window_start(window.ring, window.panes, now):
                where = "now"
            elif occurred >= window_start(window.ring, window.panes + RINGS[window.ring].late, now):
                where = "then"
            found.append(Judged(policy, window.text, where))
        return found

    def too_old(self, category: Category, occurred_ms: int, now_ms: int) -> str | None:
        """Why no policy judges a report in its own time; None if one does, or none has its category."""
        judged = self.judged(category, occurred_ms, now_ms)
        if not judged or any(each.where != "out" for each in judged):
            return None
        windows = ", ".join(dict.fromkeys(each.window for each in judged))
        return (
            f"{age(now_ms - occurred_ms)} old: outside the window of every policy for {category} "
            f"({windows}): {self._follows(category, occurred_ms, now_ms)}"
        )

    def out_of_reach(self, category: Category, occurred_ms: int, now_ms: int) -> str | None:
        """Which policies do not judge a report that is late at `now_ms`; None if all that there are do."""
        judged = self.judged(category, occurred_ms, now_ms)
        out = [f"{each.policy} ({each.window})" for each in judged if each.where == "out"]
        if not out:
            return None
        follows = f": {self._follows(category, occurred_ms, now_ms)}" if len(out) == len(judged) else ""
        return f"{age(now_ms - occurred_ms)} late, out of reach of {', '.join(out)}{follows}"

    def _follows(self, category: Category, occurred_ms: int, now_ms: int) -> str:
        """What becomes of a report that no policy judges."""
        if category in self._floor:
            return "a person looks at it, and it adds no risk"
        is_counted = pane_start(occurred_ms // FINE_MS, now_ms // FINE_MS) is not None
        return f"it {'is' if is_counted else 'is not'} counted, and no policy opens anything for it"


def configured_reach(settings: Settings) -> Reach:
    """That of the policies and categories which the settings choose."""
    categories = load_categories(settings.categories_file)
    floor = {category for category, known in categories.items() if known.floor}
    return Reach(load_policies(settings.policies_file, categories), floor)


def age(milliseconds: int) -> str:
    """A time span in words: whole days, hours or minutes."""
    for unit_ms, unit in _UNITS:
        if count := milliseconds // unit_ms:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"
