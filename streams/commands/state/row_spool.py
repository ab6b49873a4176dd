"""Rows of a state file that wait in a temporary file, because all of them may not fit into memory."""

from collections.abc import Iterator
from typing import IO

from streams.commands.state.save_file import LENGTHS, Row


class RowSpool:
    """Rows in the order in which they were put; `count` is their number."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.count = 0

    def put(self, key: bytes, value: bytes) -> None:
        """Add a row."""
        self._stream.write(LENGTHS.pack(len(key), len(value)) + key + value)
        self.count += 1

    def rows(self) -> Iterator[Row]:
        """Read all of them."""
        self._stream.seek(0)
        for _ in range(self.count):
            key_length, value_length = LENGTHS.unpack(self._stream.read(LENGTHS.size))
            yield self._stream.read(key_length), self._stream.read(value_length)
