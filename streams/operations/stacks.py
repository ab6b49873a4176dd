"""Stack traces of all threads and tasks, as text for the log. They hold files and lines, no values."""

import asyncio
import sys
import threading
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any


def all_stacks(loop: asyncio.AbstractEventLoop) -> str:
    """Stacks of all threads, then of all tasks of `loop`. Can be called from any thread."""
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
    """The frames from a task's coroutine down to what it awaits; `Task.get_stack` returns the first one only."""
    while awaitable is not None:
        for kind in ("cr", "gi", "ag"):
            frame = getattr(awaitable, f"{kind}_frame", None)
            if frame is not None:
                yield frame, frame.f_lineno
                awaitable = getattr(awaitable, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")
                break
        else:
            return
