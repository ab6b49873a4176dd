"""Where a record was published before it was re-keyed or passed on to another stage."""

from typing import NamedTuple

from streams.contract.wire.envelope import CE_TYPE
from streams.contract.wire.records import ATTEMPT_HEADER, OWN_PREFIX, Headers, SourceRecord, new_tuple
from streams.contract.wire.topics import (
    AUTHORITY_REQUESTS_INTERNAL,
    MESSAGE_REPORTS_INTERNAL,
    REPORTERS_INTERNAL,
)

ORIGIN_HEADER = "tocsin-origin"


_INTERNAL_TOPICS = (MESSAGE_REPORTS_INTERNAL, REPORTERS_INTERNAL, AUTHORITY_REQUESTS_INTERNAL)


class Origin(NamedTuple):
    """The place of a record and its append time in milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int


class NotAtHome(Exception):
    """A re-keyed record is in a partition that is not its home: the number of partitions was changed."""


def is_internal(record: SourceRecord) -> bool:
    """Whether Tocsin wrote the record. On any other topic a publisher could forge Tocsin's headers."""
    return record.topic.endswith(_INTERNAL_TOPICS)


def own_type(record: SourceRecord) -> bytes | None:
    """The CloudEvents type of a record that is Tocsin's own, None for any other record.

    A record with an origin was re-keyed. Its other headers and its value come from a publisher, who could
    make them look like Tocsin's.
    """
    if not is_internal(record):
        return None
    headers = dict(record.headers)
    return None if ORIGIN_HEADER in headers else headers.get(CE_TYPE)


def origin_of(record: SourceRecord) -> Origin:
    """The origin in the header of a re-keyed record, or else the place of the record itself."""
    return (is_internal(record) and read_origin(record.headers)) or own_place(record)


def with_origin(record: SourceRecord) -> list[tuple[str, bytes]]:
    """The headers with which to re-key `record` to its home partition: its own, plus its origin.

    Of headers that look like Tocsin's, only the number of earlier attempts is kept: on an internal topic a
    publisher's headers must not pass for Tocsin's.
    """
    headers = [
        header
        for header in record.headers
        if not header[0].startswith(OWN_PREFIX) or header[0] == ATTEMPT_HEADER
    ]
    headers.append((ORIGIN_HEADER, written_origin(origin_of(record))))
    return headers


def written_origin(origin: Origin) -> bytes:
    """The value of the origin header."""
    return "/".join(map(str, origin)).encode()


def read_origin(headers: Headers) -> Origin | None:
    """The origin in the headers of a record that Tocsin wrote, or None."""
    for name, value in headers:
        if name == ORIGIN_HEADER:
            return _parsed(value)
    return None


def own_place(record: SourceRecord) -> Origin:
    """The place of the record itself, which is its origin unless the record is internal."""
    # Once per record: this takes half the time of the named tuple's own constructor.
    return new_tuple(Origin, (record.topic, record.partition, record.offset, record.timestamp))


def _parsed(value: bytes | None) -> Origin | None:
    # Kafka topic names contain no slash.
    try:
        topic, partition, offset, timestamp = (value or b"").decode().split("/")
        return new_tuple(Origin, (topic, int(partition), int(offset), int(timestamp)))
    except ValueError:
        return None
