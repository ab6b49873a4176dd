"""Progress of a command, shown on standard error and only on a terminal."""

import sys
import time

# Often enough to look alive, rare enough to cost nothing.
_REDRAW_SECONDS = 0.25


class Progress:
    """A line that is redrawn: how many items, and how many per second.

    `verb` says what was done: `published`.
    """

    def __init__(self, verb: str) -> None:
        self.count = 0
        self._verb = verb
        self._shown = sys.stderr.isatty()
        self._began_at = self._drawn_at = time.monotonic()

    def add(self, count: int) -> None:
        """Count `count` more items, and redraw the line if it is due."""
        self.count += count
        now = time.monotonic()
        if self._shown and now - self._drawn_at >= _REDRAW_SECONDS:
            self._drawn_at = now
            # Return to the start of the line, and clear the rest of a longer one.
            print(f"\r{self.summary()}\x1b[K", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Remove the line, so that the next output starts on an empty one."""
        if self._shown and self._drawn_at != self._began_at:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def summary(self) -> str:
        """The count and the rate, such as `12,345 published, 24,000/s`."""
        seconds = max(time.monotonic() - self._began_at, 0.001)
        return f"{self.count:,} {self._verb}, {self.count / seconds:,.0f}/s"
