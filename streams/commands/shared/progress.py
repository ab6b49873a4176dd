"""How far a command is, on standard error and only when a person is watching."""

import sys
import time

# Often enough to look alive, seldom enough to cost nothing.
_REDRAW_SECONDS = 0.25


class Progress:
    """A line that is redrawn: how many, and how many a second. `verb` is what happened to them: `published`."""

    def __init__(self, verb: str) -> None:
        self.count = 0
        self._verb = verb
        self._shown = sys.stderr.isatty()
        self._began_at = self._drawn_at = time.monotonic()

    def add(self, count: int) -> None:
        """Note that so many more are done."""
        self.count += count
        now = time.monotonic()
        if self._shown and now - self._drawn_at >= _REDRAW_SECONDS:
            self._drawn_at = now
            # Back to the start of the line, and clear what is left of a longer one.
            print(f"\r{self.summary()}\x1b[K", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away, so that what is printed next stands alone."""
        if self._shown and self._drawn_at != self._began_at:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def summary(self) -> str:
        """Such as `12,345 published, 24,000/s`."""
        seconds = max(time.monotonic() - self._began_at, 0.001)
        return f"{self.count:,} {self._verb}, {self.count / seconds:,.0f}/s"
