"""Which record, or which entry of a bundle, a stage fails on."""

from typing import NamedTuple

from streams.contract.wire.records import SourceRecord


class Place(NamedTuple):
    """A record by its topic (as in the record), partition and offset; of a bundle the entry, from 0.

    `published` says, for people, where the report in that entry was published; empty for what no publisher
    wrote.
    """

    topic: str
    partition: int
    offset: int
    entry: int | None = None
    published: str = ""

    def __str__(self) -> str:
        """For people."""
        place = f"{self.topic} partition {self.partition} offset {self.offset}"
        if self.entry is None:
            return place
        return f"entry {self.entry} of {place}{published_as(self.published)}"


def published_as(published: str) -> str:
    """Return what is said, behind the place of an entry, of where it was published; nothing if it was not."""
    return f", published as {published}" if published else ""


class StageFailed(Exception):
    """A stage fails on the record, or on the entry of a bundle, at `place`, for the reason in `__cause__`.

    What came before it in the same batch is right, but neither state nor batch may be used any more.
    """

    def __init__(self, place: Place, error: Exception) -> None:
        super().__init__(f"{place}: {error!r}")
        self.place = place


def place_of(record: SourceRecord) -> Place:
    """Return where a record is."""
    return Place(record.topic, record.partition, record.offset)
