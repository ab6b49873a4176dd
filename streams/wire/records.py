"""Records as the pure core sees them: what comes off a log, and what is to be written."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

Headers = Sequence[tuple[str, bytes]]

# What can be passed on of a record as it came: internal topic and dead letters take 2 MiB. A topic limits records as
# they are compressed, so that one within the limit of message-reports may be a thousand times as large.
MAX_PASSED_ON_BYTES = 2_000_000

# A header of a record without a value, of whose batch nothing else could be read. The runtime sets it.
NOT_UNPACKED = "tocsin-not-unpacked"

# Kafka writes each length and number of a record in 1 to 5 bytes.
_BYTES_PER_LENGTH = 5


class SourceRecord(Protocol):
    """What the core reads of a consumed record; `timestamp` is the append time in ms since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def bytes_on_the_wire(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """Size of a record in a log, without compression; at most some bytes too much."""
    size = 8 * _BYTES_PER_LENGTH + len(key or b"") + len(value or b"")
    for name, content in headers:
        size += 2 * _BYTES_PER_LENGTH + len(name.encode()) + len(content or b"")
    return size


class OutputRecord(NamedTuple):
    """A record to be written. `partition` None: by murmur2 of the key, as Java's client does."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers
