"""What a partition remembers of records that could not be applied, and how it tries them again."""

from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

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
    or none if a tick could not be made.
    """

    def __init__(self, records: Sequence[SourceRecord]) -> None:
        super().__init__(f"{len(records)} records")
        self.records = records


class NotWritable(NotApplied):
    """What a partition led to cannot be written: these destinations take no records now."""

    def __init__(self, destinations: Collection[Destination]) -> None:
        super().__init__([])
        self.destinations = destinations


class Setback(NamedTuple):
    """What is known of the record that fails: it is below the offsets `until`, by topic with prefix.

    `most` is how many of these records are tried at once, `pause` the seconds until the next attempt.
    """

    until: Mapping[str, int]
    most: int
    pause: float

    def is_over(self, position: Position) -> bool:
        """Return whether everything that failed has been applied or skipped."""
        return all(position[topic].next_offset >= end for topic, end in self.until.items())

    def next_attempt(self, records: Sequence[SourceRecord]) -> Sequence[SourceRecord]:
        """Return the first records to apply together: what comes before the suspects, or some of these."""
        before = list(takewhile(lambda record: not self._is_suspect(record), records))
        return before or list(takewhile(self._is_suspect, records[: self.most]))

    def _is_suspect(self, record: SourceRecord) -> bool:
        return record.offset < self.until.get(record.topic, 0)


def setback_after(failed: Sequence[SourceRecord], before: Setback | None) -> Setback:
    """Return what follows from an attempt with these records, after an earlier one that failed as well.

    The first attempt is repeated at once, because the cause may be gone, and further ones until the record is
    found.
    """
    until: dict[str, int] = {}
    for record in failed:
        until[record.topic] = record.offset + 1
    if before is None or len(failed) > 1:
        return Setback(until, max(1, len(failed) // PARTS), 0.0)
    return Setback(until, 1, min(max(FIRST_PAUSE, 2 * before.pause), LONGEST_PAUSE))


def describe(records: Sequence[SourceRecord], prefix: str) -> str:
    """Name the places of records for people: the offsets by topic, without the prefix."""
    offsets: dict[str, tuple[int, int]] = {}
    for record in records:
        first, _ = offsets.get(record.topic, (record.offset, 0))
        offsets[record.topic] = first, record.offset
    return ", ".join(
        f"{topic.removeprefix(prefix)} offset {first}" + (f" to {last}" if last > first else "")
        for topic, (first, last) in offsets.items()
    )
