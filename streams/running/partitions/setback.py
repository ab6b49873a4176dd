"""What a partition remembers of records that could not be applied, and how it tries them again."""

from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from streams.contract.wire.failing import Place, published_as
from streams.contract.wire.records import SourceRecord
from streams.running.log.log import Destination
from streams.running.log.position import Position

# Seconds until the record that fails is tried again; each further pause is twice as long. An attempt reads
# the state, which takes as long as taking the partition over and delays the worker's other partitions a
# little: not more than once a minute. A bug lasts until somebody deploys or skips the record, and nobody
# should wait much longer than that takes.
FIRST_PAUSE = 60.0
LONGEST_PAUSE = 300.0

# Into how many parts the records of an attempt that failed are divided, to find the one that fails. Each part
# that can be applied costs a cycle, 25 ms, and each that fails one reading of the state, a tenth of a second
# for 10,000 channels. So 5,000 records of a backlog take four readings, and those of a usual cycle two.
PARTS = 16


class NotApplied(Exception):
    """The records of one partition cannot be applied, for the reason in `__cause__`.

    It concerns no other partition. `records` are those of the attempt that failed: one of them is the reason,
    or none if a tick could not be made. `place` is the record, or the entry of a bundle, that fails, if that
    is known.
    """

    def __init__(self, records: Sequence[SourceRecord], place: Place | None = None) -> None:
        super().__init__(f"{len(records)} records")
        self.records = records
        self.place = place


class Attempt(NamedTuple):
    """The records to apply together, and where to stop inside of the last one (see Cursor), if at all."""

    records: Sequence[SourceRecord]
    last_entries: int | None = None


class NotWritable(NotApplied):
    """What a partition led to cannot be written: these destinations take no records now."""

    def __init__(self, destinations: Collection[Destination]) -> None:
        super().__init__([])
        self.destinations = destinations


class Setback(NamedTuple):
    """What is known of the record that fails: it is below the offsets `until`, by topic with prefix.

    `most` is how many of these records are tried at once, `pause` the seconds until the next attempt. With
    `place` it is that record, or that entry of a bundle. With `singly` the record is known and the entry is
    not, if it is a bundle: its entries are tried one by one.
    """

    until: Mapping[str, int]
    most: int
    pause: float
    place: Place | None = None
    singly: bool = False

    def is_over(self, position: Position, inside: Place | None = None) -> bool:
        """Return whether everything that failed has been applied or skipped.

        `inside` is the first entry that is not applied, if the position is inside of a bundle.
        """
        if all(position[topic].next_offset >= end for topic, end in self.until.items()):
            return True
        place = self.place
        if place is None or place.entry is None or inside is None or inside.entry is None:
            return False
        return inside[:3] == place[:3] and inside.entry > place.entry

    def next_attempt(self, records: Sequence[SourceRecord]) -> Attempt:
        """Return what to apply together: what comes before the suspects, or some of these."""
        before = list(takewhile(lambda record: not self._is_suspect(record), records))
        if before:
            return Attempt(before)
        suspects = list(takewhile(self._is_suspect, records[: self.most]))
        if self.place is not None:
            return Attempt(suspects, self.place.entry)
        return Attempt(suspects, 0 if self.singly else None)

    def _is_suspect(self, record: SourceRecord) -> bool:
        if self.place is not None:
            return (record.topic, record.offset) == (self.place.topic, self.place.offset)
        return record.offset < self.until.get(record.topic, 0)


def setback_after(failed: NotApplied, before: Setback | None) -> Setback:
    """Return what follows from an attempt that failed, after an earlier one that failed as well.

    The first attempt is repeated at once, because the cause may be gone, and further ones until the record is
    found.
    """
    records, place = failed.records, failed.place
    again = FIRST_PAUSE if before is None else min(max(FIRST_PAUSE, 2 * before.pause), LONGEST_PAUSE)
    if place is not None:
        is_first = before is None or (before.place is None and not before.pause)
        return Setback({place.topic: place.offset + 1}, 1, 0.0 if is_first else again, place)
    until: dict[str, int] = {}
    for record in records:
        until[record.topic] = record.offset + 1
    if len(records) > 1:
        return Setback(until, max(1, len(records) // PARTS), 0.0)
    is_alone = before is not None and before.singly
    return Setback(until, 1, again if is_alone else 0.0, singly=True)


def describe(failed: NotApplied, prefix: str) -> str:
    """Name the places of what failed for people: the offsets by topic, without the prefix."""
    place = failed.place
    if place is not None and place.entry is not None:
        topic, published = place.topic.removeprefix(prefix), place.published.removeprefix(prefix)
        return f"{topic} offset {place.offset} entry {place.entry}{published_as(published)}"
    offsets: dict[str, tuple[int, int]] = {}
    for topic, offset in [(each.topic, each.offset) for each in ([place] if place else failed.records)]:
        first, _ = offsets.get(topic, (offset, 0))
        offsets[topic] = first, offset
    return ", ".join(
        f"{topic.removeprefix(prefix)} offset {first}" + (f" to {last}" if last > first else "")
        for topic, (first, last) in offsets.items()
    )
