"""Records as the stages see them: those read from a topic, and those to be written to one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, NamedTuple, Protocol

Headers = Sequence[tuple[str, bytes]]

# Makes a named tuple from a tuple of its fields in a quarter of the time of the type's own constructor:
# `new_tuple(Case, (report, law))`. Only for what is made for every record, because it checks nothing.
new_tuple: Final = tuple.__new__

# The largest record that can be passed on unchanged: the internal topics and dead-letters accept 2 MiB. A
# topic's limit applies to compressed batches, so a record that message-reports accepted may be a thousand
# times as large.
MAX_PASSED_ON_BYTES = 2_000_000

# The most headers that a record is read with. A CloudEvent in binary mode has some ten, and tracing and
# gateways add as many again. Each takes 80 to 170 bytes of memory besides its own, but as few as two in a
# log: without a limit one record could have millions.
MAX_HEADERS = 256

# Header, with their number, of a record whose headers were more than MAX_HEADERS. The runtime sets it in
# their place.
HEADERS_DROPPED = "tocsin-headers-dropped"

# Headers of Tocsin begin with it. A publisher can send such headers too, so on a source topic none is
# believed.
OWN_PREFIX = "tocsin-"

# How often the record was refused before. A redrive sends it to a source topic.
ATTEMPT_HEADER = "tocsin-attempt"

# The headers of a record without a value whose batch could not be unpacked. The runtime sets them, and they
# are recognised as this very object: a publisher can send a header of any name, but not this object.
NOT_UNPACKED: Final[Headers] = (("tocsin-not-unpacked", b""),)

# Kafka encodes each length and number of a record in 1 to 5 bytes.
_BYTES_PER_LENGTH = 5


class SourceRecord(Protocol):
    """A consumed record's attributes that stages use; `timestamp` is append time in ms since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(slots=True)
class DetachedRecord:
    """A SourceRecord that was not fetched: a line of a file, or a report that is taken out of a bundle."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def in_place_of(
    record: SourceRecord, key: bytes | None, value: bytes | None, headers: Headers
) -> DetachedRecord:
    """Return another record in the place of this one."""
    return DetachedRecord(
        record.topic, record.partition, record.offset, record.timestamp, key, value, headers
    )


def bytes_on_the_wire(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """The uncompressed size of a record in a log; an upper bound, too high by a few bytes per header."""
    size = 8 * _BYTES_PER_LENGTH + len(key or b"") + len(value or b"")
    for name, content in headers:
        size += 2 * _BYTES_PER_LENGTH + len(name.encode()) + len(content or b"")
    return size


class OutputRecord(NamedTuple):
    """A record to be written.

    If `partition` is None, it is the murmur2 hash of the key, as in Kafka's Java client.
    """

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers


_VALUE = attrgetter("value")


def bytes_of_values(records: Iterable[SourceRecord | OutputRecord]) -> int:
    """Return the bytes of all values together."""
    # Without a bytecode per record: this is asked twice about every record.
    return sum(map(len, filter(None, map(_VALUE, records))))
