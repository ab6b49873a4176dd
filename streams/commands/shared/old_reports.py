"""Says which reports are too old for every policy, without saying the same of each line."""

from collections import Counter

from streams.commands.shared.reach import Reach
from streams.commands.shared.terminal import echo
from streams.contract.events.report import Category


class OldReports:
    """Notes on standard error, once per category, why a report opens nothing, and counts all of them."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._found: Counter[Category] = Counter()

    def note(self, line: int, category: Category, occurred_ms: int, now_ms: int) -> None:
        """Note the report of a line, counted from 1."""
        old = self._reach.too_old(category, occurred_ms, now_ms)
        if old is not None:
            # A file of a month would otherwise say the same a thousand times.
            if category not in self._found:
                echo(f"line {line}: {old}", err=True)
            self._found[category] += 1

    def ending(self) -> str:
        """What a result says of them after its other counts; empty if there are none."""
        return f", {self._found.total():,} too old for every policy" if self._found else ""
