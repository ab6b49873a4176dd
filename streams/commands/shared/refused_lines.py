"""Says which lines of a file were refused, without filling a terminal or a log."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from streams.commands.shared.terminal import echo
from streams.contract.wire.dead_letter import Rejected

# Enough to see what is wrong. A file of another kind would otherwise print a line for each of its own.
MOST_SHOWN: Final = 100


class RefusedLines:
    """Prints the first refused lines on standard error and counts the others; `number` is how many there are.

    Call `end` after the last line.
    """

    def __init__(self) -> None:
        self.number = 0
        self._not_shown: Counter[str] = Counter()

    def add(self, line: int, why: Rejected | str, all_problems: Sequence[str] = ()) -> None:
        """Refuse a line, counted from 1. `all_problems` are what is shown, if `why` is one of several."""
        self.number += 1
        if self.number <= MOST_SHOWN:
            for problem in all_problems or [str(why)]:
                echo(f"line {line}: {problem}", err=True)
        else:
            self._not_shown[why.reason if isinstance(why, Rejected) else why] += 1

    def end(self) -> None:
        """Say how many were not shown, and why they were refused."""
        if self._not_shown:
            reasons = ", ".join(f"{number:,} {reason}" for reason, number in self._not_shown.most_common())
            echo(f"{self._not_shown.total():,} more refused lines are not shown: {reasons}", err=True)
