"""An event loop without a clock: time passes only when nothing else can happen, or as much as a step takes."""

import asyncio
import contextvars
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

# When it begins, in seconds since the epoch.
BEGIN = 1_700_000_000.0

# What a request or an answer takes.
STEP_SECONDS = 0.001

process_of_task: contextvars.ContextVar[Any] = contextvars.ContextVar("process_of_task", default=None)


class NothingHappens(Exception):
    """Everybody waits, and no time will change that."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Calls `advance` when all tasks wait; it returns whether it let one of them go on. Otherwise time goes
    to the next timer.

    Tasks are added to the `tasks` of the process that made them.
    """

    def __init__(self, advance: Callable[[], bool]) -> None:
        super().__init__(_Selector(self._wait))
        self.now = 0.0
        self._advance = advance
        self.set_task_factory(_task)
        # Nobody awaits the tasks of a process that was killed.
        self.set_exception_handler(lambda *_: None)

    def time(self) -> float:
        """Seconds since the beginning."""
        return self.now

    def _wait(self, timeout: float | None) -> None:
        if timeout is not None and timeout <= 0:
            return
        if self._advance():
            self.now += STEP_SECONDS
        elif timeout is None:
            raise NothingHappens
        else:
            self.now += timeout

    def run(self, scenario: Coroutine[Any, Any, None]) -> None:
        """Run until the scenario ends, then cancel what is left."""
        with self._clocks():
            try:
                self.run_until_complete(scenario)
            finally:
                self._advance = lambda: False
                left = asyncio.all_tasks(self)
                for task in left:
                    task.cancel()
                if left:
                    self.run_until_complete(asyncio.wait(left, timeout=60))
                self.close()

    @contextmanager
    def _clocks(self) -> Iterator[None]:
        with (
            patch.object(time, "monotonic", lambda: self.now),
            patch.object(time, "time", lambda: BEGIN + self.now),
            patch.object(time, "time_ns", lambda: int((BEGIN + self.now) * 1e9)),
        ):
            yield


class _Selector(selectors.SelectSelector):
    def __init__(self, wait: Callable[[float | None], None]) -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> list[Any]:
        self._wait(timeout)
        return []


def _task(
    loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any
) -> asyncio.Task[Any]:
    task = asyncio.Task(coro, loop=loop, **options)
    context = options.get("context")
    process = process_of_task.get() if context is None else context.get(process_of_task)
    if process is not None:
        process.tasks.append(task)
    return task
