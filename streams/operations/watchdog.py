"""Ends a worker that hangs, so that its supervisor starts another: a stuck worker holds its partitions for ever."""

import asyncio
import faulthandler
import os
import threading
import time
from collections.abc import Callable

import structlog

from streams.operations.stacks import all_stacks

logger = structlog.get_logger(__name__)

CHECK_SECONDS = 1.0

# A thread of Python cannot run while an extension keeps the interpreter's lock; the timer of faulthandler can. It goes
# off when this thread itself has not come round for so much longer than the limit.
_NET_SECONDS = 15.0
# Writing to a log that nobody reads may block; the process must end all the same.
_LOG_SECONDS = 5.0

EXIT_CODE = 1
# By number: it is there whatever became of sys.stderr.
_STDERR = 2


class Watchdog:
    """Watches from a thread of its own. The loop calls `beat` once a second.

    `stalled` gives (seconds, what stands still) of what has waited longest although there is work: a partition, or the
    restore of one.
    The process ends with code 1 when either lasts for `limit` seconds; what lies between two checks counts as at most
    twice their distance, so that a process that was paused is not taken for one that hangs.
    """

    def __init__(self, limit: float, stalled: Callable[[], tuple[float, str]]) -> None:
        self._limit = limit
        self._stalled = stalled
        self._beats = 0
        self._stop = threading.Event()

    def beat(self) -> None:
        """The loop turns."""
        self._beats += 1

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch `loop` until `stop`."""
        threading.Thread(target=self._watch, args=(loop,), name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()
        faulthandler.cancel_dump_traceback_later()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        beats, still, checked_at = self._beats, 0.0, time.monotonic()
        while not self._stop.wait(CHECK_SECONDS):
            faulthandler.dump_traceback_later(self._limit + _NET_SECONDS, exit=True, file=_STDERR)
            now = time.monotonic()
            still += min(now - checked_at, 2 * CHECK_SECONDS)
            checked_at = now
            if self._beats != beats:
                beats, still = self._beats, 0.0
            stalled, what = self._stalled()
            if still >= self._limit:
                self._end(loop, f"the event loop has not turned for {still:.0f} s")
            elif stalled >= self._limit:
                self._end(loop, f"{what} for {stalled:.0f} s")
        faulthandler.cancel_dump_traceback_later()

    def _end(self, loop: asyncio.AbstractEventLoop, reason: str) -> None:
        faulthandler.dump_traceback_later(_LOG_SECONDS, exit=True, file=_STDERR)
        try:
            logger.critical(
                "no progress: %s. The worker ends; its supervisor should start it again",
                reason,
                stack=all_stacks(loop),
            )
        finally:
            # Nothing in memory is worth an orderly end: the next owner starts at the last committed position.
            os._exit(EXIT_CODE)
