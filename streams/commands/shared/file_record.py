"""A line of a file in the form of a record of a topic."""

from dataclasses import dataclass

from streams.contract.wire.records import Headers


@dataclass(slots=True)
class FileRecord:
    """What a SourceRecord has.

    `offset` is the line number, counted from 0; a file does not say when a line was published.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
