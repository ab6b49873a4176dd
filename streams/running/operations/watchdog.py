"""Ends a worker that hangs, because it would keep its partitions; its supervisor starts it again."""

import asyncio
import faulthandler
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import structlog

logger = structlog.get_logger(__name__)

CHECK_SECONDS = 1.0

# A Python thread cannot run while an extension holds the interpreter lock; faulthandler's timer can. It fires
# if the watchdog's own thread has not run for this much longer than the limit.
_NET_SECONDS = 15.0
# Writing to a log that nothing reads may block; the process must end anyway.
_LOG_SECONDS = 5.0

EXIT_CODE = 1
# By file descriptor, which works even if sys.stderr was replaced or closed.
_STDERR = 2


class Watchdog:
    """Watches the event loop and the work from a thread of its own. The loop must call `beat` once a second.

    `stalled` returns (seconds, description) of the work that has gone longest without progress: a partition,
    or the restore of one. The process ends with exit code 1 if that, or the time without a beat, reaches
    `limit` seconds. The time between two checks counts as at most twice CHECK_SECONDS, so a process that was
    paused is not mistaken for one that hangs.
    """

    def __init__(self, limit: float, stalled: Callable[[], tuple[float, str]]) -> None:
        self._limit = limit
        self._stalled = stalled
        self._beats = 0
        self._stop = threading.Event()

    def beat(self) -> None:
        """Record that the event loop is running."""
        self._beats += 1

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start watching `loop`, until `stop` is called."""
        threading.Thread(target=self._watch, args=(loop,), name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Stop watching; the process is not ended after this."""
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
                self._end(loop, f"the event loop has been blocked for {still:.0f} s")
            elif stalled >= self._limit:
                self._end(loop, f"{what} for {stalled:.0f} s")
        faulthandler.cancel_dump_traceback_later()

    def _end(self, loop: asyncio.AbstractEventLoop, reason: str) -> None:
        faulthandler.dump_traceback_later(_LOG_SECONDS, exit=True, file=_STDERR)
        try:
            logger.critical(
                "no progress: %s. The worker exits with code 1; its supervisor should start it again",
                reason,
                stack=all_stacks(loop),
            )
        finally:
            # No orderly shutdown is needed: the next owner starts at the last committed position.
            os._exit(EXIT_CODE)


def all_stacks(loop: asyncio.AbstractEventLoop) -> str:
    """Stacks of all threads, then of all tasks of `loop`: files and lines, no values.

    Any thread may call it.
    """
    return "".join([*_threads(), *_tasks(loop)])


def _threads() -> Iterator[str]:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        yield f"Thread {names.get(ident, ident)}:\n"
        yield from traceback.format_stack(frame)


def _tasks(loop: asyncio.AbstractEventLoop) -> Iterator[str]:
    for task in sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name()):
        yield f"Task {task.get_name()}:\n"
        for frame, line in _awaited(task.get_coro()):
            summary = traceback.StackSummary.extract([(frame, line)])
            yield from summary.format()


def _awaited(awaitable: Any) -> Iterator[tuple[FrameType, int]]:
    """The frames from a task's coroutine down to what it awaits; `Task.get_stack` gives only the first."""
    while awaitable is not None:
        for kind in ("cr", "gi", "ag"):
            frame = getattr(awaitable, f"{kind}_frame", None)
            if frame is not None:
                yield frame, frame.f_lineno
                awaitable = getattr(awaitable, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")
                break
        else:
            return
