"""Hands fetched messages to their streams without a task for each: that rarely waits for anything."""

from collections.abc import Coroutine, Generator
from typing import Any


class Delivery:
    """Awaits a coroutine whose first step is done when this is made; `is_over` if that was the last.

    Raises what the first step raises.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self.is_over = False
        try:
            self._awaited = coroutine.send(None)
        except StopIteration:
            self.is_over = True

    def __await__(self) -> Generator[Any, Any, None]:
        if self.is_over:
            return
        try:
            yield self._awaited
        except BaseException:
            self._coroutine.close()
            raise
        yield from self._coroutine.__await__()
