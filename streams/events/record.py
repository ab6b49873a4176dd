"""Records as the pure core sees them: what comes off a log, and what is to be written."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

Headers = Sequence[tuple[str, bytes]]


class SourceRecord(Protocol):
    """What the core reads of a consumed record; `timestamp` is the append time in ms since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class OutputRecord(NamedTuple):
    """A record to be written. `partition` None: by murmur2 of the key, as Java's client does."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers
