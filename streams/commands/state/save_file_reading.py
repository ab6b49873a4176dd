"""Reads a file of saved state and checks it; nothing of it may be used before its end was read."""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from streams.commands.state.save_file import FILE_VERSION, LENGTHS, Checksum, Header, Row, Section

# The largest state record is 8 MiB, a line some hundred bytes. More means that the file is damaged.
_LONGEST = 16 * 1024 * 1024

_Line = TypeVar("_Line")


class BadStateFile(Exception):
    """The file is damaged, incomplete, or not one that this version can read."""


class StateFile(NamedTuple):
    """An open file: its header, and `sections`, which can be gone through once.

    `sections` yields each partition with its records, which must be taken before the next one. It raises
    BadStateFile as soon as something does not fit. `checksum`, that of the whole, works after that.
    """

    header: Header
    sections: Callable[[], Iterator[tuple[Section, Iterator[Row]]]]
    checksum: Callable[[], str]


@contextmanager
def open_state_file(path: Path) -> Iterator[StateFile]:
    """Open a file of state. Raises BadStateFile, and OSError if it cannot be opened."""
    with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) as stream:
        reader = _Reader(path, stream)
        yield StateFile(reader.header, reader.sections, reader.whole.hexdigest)


class _Reader:
    def __init__(self, path: Path, stream: Any) -> None:
        self._path = path
        self._stream = stream
        self.whole = hashlib.sha256()
        self._part = hashlib.sha256()
        found = self._read_line(dict[str, Any])
        version = found.get("tocsin_state")
        if version != FILE_VERSION:
            what = "not a file of `tocsin state save`" if version is None else f"of version {version}"
            raise BadStateFile(f"{path}: it is {what}; this version of Tocsin reads version {FILE_VERSION}")
        try:
            self.header = msgspec.convert(found, Header)
        except msgspec.ValidationError as error:
            raise self._damaged(str(error)) from error

    def sections(self) -> Iterator[tuple[Section, Iterator[Row]]]:
        for stage in self.header.stages:
            for partition in range(stage.partitions):
                self._part = hashlib.sha256()
                section = self._read_line(Section)
                if (section.stage, section.partition) != (stage.name, partition):
                    raise self._damaged(f"{section.stage} partition {section.partition} is out of place")
                rows = self._rows(section.records)
                yield section, rows
                for _ in rows:
                    pass
                self._check(self._part.hexdigest(), f"{stage.name} partition {partition}")
        self._check(self.whole.hexdigest(), "the file")
        if self._take(self._stream.read, 1):
            raise self._damaged("something follows its end")

    def _rows(self, number: int) -> Iterator[Row]:
        for _ in range(number):
            key_length, value_length = LENGTHS.unpack(self._read(LENGTHS.size))
            data = self._read(key_length + value_length)
            yield data[:key_length], data[key_length:]

    def _check(self, computed: str, what: str) -> None:
        # The line of a checksum counts for the whole, but not for itself.
        if self._read_line(Checksum).sha256 != computed:
            raise self._damaged(f"the checksum of {what} is wrong")

    def _read_line(self, form: type[_Line]) -> _Line:
        line = self._take(self._stream.readline, _LONGEST)
        if not line.endswith(b"\n"):
            raise self._damaged("it ends too early")
        try:
            return msgspec.json.decode(line, type=form)
        except (ValueError, RecursionError) as error:
            raise self._damaged(str(error)) from error

    def _read(self, size: int) -> bytes:
        if size > _LONGEST:
            raise self._damaged(f"a record of {size:,} bytes")
        data = self._take(self._stream.read, size)
        if len(data) != size:
            raise self._damaged("it ends too early")
        return data

    def _take(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            data = read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise self._damaged(str(error)) from error
        self._part.update(data)
        self.whole.update(data)
        return data

    def _damaged(self, why: str) -> BadStateFile:
        return BadStateFile(f"{self._path}: the file is damaged or was not written to its end ({why})")
