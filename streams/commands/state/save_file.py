"""The file that holds saved state: a gzip stream that is written and read record by record.

A line of JSON, the header, says what is in the file. Each partition of each stage follows: a line of JSON
(its position and its number of records), the records, and a line with the checksum of the partition. A record
is two lengths of 4 bytes, big-endian, and then a key and a value of these lengths. The last line has the
checksum of everything before it. Names of topics are without prefix.

Since version 2 the records of a partition's internal log that were not applied follow those of its state.
"""

import gzip
import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from streams.running.log.position import RESERVED_KEY_TYPE, SourcePosition

# Increase this when older versions cannot read what newer ones write.
FILE_VERSION = 2
_READABLE = (1, 2)

# Begins the key of a record that waits in the internal log; its number among them follows.
_WAITING = RESERVED_KEY_TYPE + b"waiting"

LENGTHS = struct.Struct(">II")

# The largest state record is 8 MiB, a line some hundred bytes. More means that the file is damaged.
_LONGEST = 16 * 1024 * 1024

# Most of a state are hashes, which do not compress: more effort takes longer and gains little.
_COMPRESSION = 1

Row = tuple[bytes, bytes]

_Line = TypeVar("_Line")


class BadStateFile(Exception):
    """The file is damaged, incomplete, or not one that this version can read."""


class SavedStage(msgspec.Struct, frozen=True):
    """A stage in the file, and the number of its partitions."""

    name: str
    state_topic: str
    partitions: int


class WaitingRecord(msgspec.Struct, frozen=True, array_like=True):
    """A record of the internal log of a partition that its owner had not applied; `appended` in ms."""

    offset: int
    appended: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


_encode_waiting = msgspec.msgpack.Encoder().encode
_decode_waiting = msgspec.msgpack.Decoder(WaitingRecord).decode


def waiting_row(number: int, record: WaitingRecord) -> Row:
    """Return the row of a record that waits: it is the one of this number in its partition."""
    return _WAITING + number.to_bytes(8, "big"), _encode_waiting(record)


def waiting_record(row: Row) -> WaitingRecord | None:
    """Return the record that waits, if a row has one; None for a record of the state."""
    key, value = row
    return _decode_waiting(value) if key.startswith(_WAITING) else None


class Header(msgspec.Struct, frozen=True):
    """What is in the file.

    `hash_key` is the id of the key for reporters in use when the file was made, None if it was not known.
    `saved_at` is when the file was begun (ms since the epoch), 0 in files of version 1. `unsure` means that
    credits of reporters may be in the state and among the records that wait (see save.py).
    `moved_from` is the number of partitions in which the state was saved, if it was changed since;
    `new_topics` means that the state is for topics that begin at offset 0, with none of the old records.
    """

    tocsin_state: int
    saved_by: str
    hash_key: str | None
    stages: tuple[SavedStage, ...]
    moved_from: int | None = None
    new_topics: bool = False
    saved_at: int = 0
    unsure: bool = False

    def partitions(self, stage: str) -> int:
        """The number of partitions of a stage that is in the file."""
        return next(saved.partitions for saved in self.stages if saved.name == stage)


class Section(msgspec.Struct, frozen=True):
    """One partition of a stage. `position` is None if nothing was ever applied.

    `records` counts the rows, of state and waiting.
    `unread` has the source topics with records after the position, and how many offsets these span.
    """

    stage: str
    partition: int
    records: int
    position: Mapping[str, SourcePosition] | None
    unread: Mapping[str, int]


class Checksum(msgspec.Struct, frozen=True):
    """The last line of a partition and of the file."""

    sha256: str


class StateWriter:
    """Writes a file of state: one `section` after the other, in the order of the header."""

    def __init__(self, stream: gzip.GzipFile, header: Header) -> None:
        self._stream = stream
        self._whole = hashlib.sha256()
        self._part = hashlib.sha256()
        self._line(header)

    def section(self, section: Section, rows: Iterable[Row]) -> None:
        """Write a partition with exactly `section.records` rows."""
        self._part = hashlib.sha256()
        self._line(section)
        written = 0
        for key, value in rows:
            self._write(LENGTHS.pack(len(key), len(value)) + key + value)
            written += 1
        assert written == section.records
        self._line(Checksum(self._part.hexdigest()))

    def finish(self) -> None:
        """Write the checksum of the whole file; without it the file is refused."""
        self._line(Checksum(self._whole.hexdigest()))

    def _line(self, line: msgspec.Struct) -> None:
        self._write(msgspec.json.encode(line) + b"\n")

    def _write(self, data: bytes) -> None:
        self._part.update(data)
        self._whole.update(data)
        self._stream.write(data)


@contextmanager
def new_state_file(path: Path, header: Header) -> Iterator[StateWriter]:
    """A writer of a file that appears under its name only when it is complete, and only its owner may read.

    Raises FileExistsError if there is a file of this name, or a `.part` that an interrupted run left.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists already; choose another name")
    part = path.with_name(path.name + ".part")
    try:
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise FileExistsError(
            f"{part} exists: another command writes it, or was interrupted. Delete it if none is running"
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as raw:
            # Neither name nor time: equal state gives equal bytes.
            with gzip.GzipFile("", "wb", _COMPRESSION, raw, mtime=0) as stream:
                writer = StateWriter(stream, header)
                yield writer
                writer.finish()
            raw.flush()
            os.fsync(raw.fileno())
        # Unlike a rename, a link fails if a file of this name was made meanwhile.
        os.link(part, path)
    finally:
        part.unlink()


class StateFile(NamedTuple):
    """An open file: its header, and `sections`, which can be gone through once.

    Nothing may be used before its end was read.

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
        if version not in _READABLE:
            what = "not a file of `tocsin state save`" if version is None else f"of version {version}"
            known = " and ".join(map(str, _READABLE))
            raise BadStateFile(f"{path}: it is {what}; this version of Tocsin reads versions {known}")
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
