"""A server that a test starts, and that is ended also if its start fails."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Server(ABC):
    """Runs in a `with` block."""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @abstractmethod
    def _start(self) -> None:
        """Start it, and return once it serves."""

    @abstractmethod
    def _end(self) -> None:
        """End what was started, which may not be all of it."""
