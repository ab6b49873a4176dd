"""The file that holds saved state: a gzip stream that is written and read record by record.

A line of JSON, the header, says what is in the file. Each partition of each stage follows: a line of JSON (its
position and its number of records), the records, and a line with the checksum of the partition. A record is
two lengths of 4 bytes, big-endian, and then a key and a value of these lengths. The last line has the checksum
of everything before it. Names of topics are without prefix.
"""

import gzip
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from streams.runtime.position import SourcePosition

# Increase this when older versions cannot read what newer ones write.
FILE_VERSION = 1

LENGTHS = struct.Struct(">II")

# Most of a state are hashes, which do not compress: more effort takes longer and gains little.
_COMPRESSION = 1

Row = tuple[bytes, bytes]


class SavedStage(msgspec.Struct, frozen=True):
    """A stage in the file, and the number of its partitions."""

    name: str
    state_topic: str
    partitions: int


class Header(msgspec.Struct, frozen=True):
    """What is in the file.

    `hash_key` is the id of the key for reporters in use when the file was made, None if it was not known.
    `moved_from` is the number of partitions in which the state was saved, if it was changed since;
    `new_topics` means that the state is for topics that begin at offset 0, with none of the old records.
    """

    tocsin_state: int
    saved_by: str
    hash_key: str | None
    stages: tuple[SavedStage, ...]
    moved_from: int | None = None
    new_topics: bool = False


class Section(msgspec.Struct, frozen=True):
    """One partition of a stage. `position` is None if nothing was ever applied.

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
