"""Keeps one process running: starts it, sees it end, waits longer each time, and starts it again."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from streams.running.worker.environment import SettingsError
from tocsin_up.processes import Process, StartFailed

# The first pause is long enough for a port to be free again; the last one so long that a process which cannot
# start costs little, and so short that one which can again is there before somebody looks.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
# One that ran for so long has started well, so its next end is a new story.
_SETTLED_SECONDS: Final = 120.0

_POLL_SECONDS: Final = 0.2
_READY_SECONDS: Final = 1.0

# A setting or a file is wrong.
_WRONG_INPUT: Final = 2

Say = Callable[[str], None]


class Kept:
    """A process, and what is known of it. `why_not_ready` is None if it works."""

    def __init__(self, process: Process, say: Say, changed: Callable[[], None]) -> None:
        self.process = process
        self.running_since: datetime | None = None
        self.starts_again: datetime | None = None
        self.restarts = 0
        self.last_end: str | None = None
        self.why_not_ready: str | None = "is not started yet"
        self.ready = asyncio.Event()
        """Set when it works for the first time."""
        self._say = say
        self._changed = changed

    async def keep(self) -> None:
        """Start it, and again whenever it ends, until cancelled.

        Raises SettingsError with the end of its log if it was never ready and says that a setting is wrong:
        then only an edit helps.
        """
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            ending = await self._run()
            if self.process.exit_code == _WRONG_INPUT and not self.ready.is_set():
                raise SettingsError(f"{self.process.name} refused to start:\n{self.process.tail()}")
            if time.monotonic() - began > _SETTLED_SECONDS:
                pause = _FIRST_PAUSE
            self.restarts += 1
            now = datetime.now(UTC)
            self.last_end = f"{now:%Y-%m-%d %H:%M:%S} UTC: {ending}"
            self.starts_again = now + timedelta(seconds=pause)
            self.why_not_ready = f"{ending}; starts again in {pause:.0f} s"
            self._say(
                f"{self.process.name} {ending}; it starts again in {pause:.0f} s, for the "
                f"{_th(self.restarts)} time. The end of {self.process.log}:\n{_indented(self.process.tail())}"
            )
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _run(self) -> str:
        """Run it once; how that ended."""
        self.starts_again, self.why_not_ready = None, "is starting"
        try:
            await asyncio.to_thread(self.process.start)
        except StartFailed as error:
            return f"could not be started ({error})"
        self.running_since = datetime.now(UTC)
        self._changed()
        asks_at = 0.0
        try:
            while self.process.pid is not None:
                if time.monotonic() >= asks_at:
                    self.why_not_ready = await asyncio.to_thread(self.process.reason_not_ready)
                    if self.why_not_ready is None:
                        self.ready.set()
                    asks_at = time.monotonic() + _READY_SECONDS
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            self.running_since = None
            self._changed()
        return self.process.ending()


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _th(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
