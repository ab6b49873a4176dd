"""How far the records of fetched ranges were applied, and how that moves a partition's position."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from streams.running.errors import OwnershipLost
from streams.running.log.append_times import StampedRecord
from streams.running.log.fetched import Fetched
from streams.running.log.position import SourcePosition
from streams.running.patches.fetched_range import FetchedRange


class NewRecords(NamedTuple):
    """The records of a range from the position on, and the offset at which the range ends."""

    topic: str
    records: Sequence[StampedRecord]
    end: int


class Progress(NamedTuple):
    """What applying some of the new records in order leads to.

    `position` is the next offset to apply of each topic. `applied_to` is the end of the last range applied of
    each topic: the position is the offset after the last record, but the next range begins after the markers
    that follow that record. `records` counts the records by topic. `ranges` is the number of ranges done.
    """

    position: dict[str, SourcePosition]
    applied_to: dict[str, int]
    records: dict[str, int]
    ranges: int


def new_records(
    partition: int,
    position: Mapping[str, SourcePosition],
    applied_to: Mapping[str, int],
    ranges: Sequence[tuple[str, FetchedRange]],
) -> list[NewRecords]:
    """Return what is new of each range (topic, records).

    Raises OwnershipLost when records before one are missing.
    """
    # The position is ahead of the last range if it was moved past markers at the end of the log.
    expected = {topic: max(at.next_offset, applied_to.get(topic, 0)) for topic, at in position.items()}
    next_offsets = {topic: at.next_offset for topic, at in position.items()}
    new = []
    for topic, records in ranges:
        if records.begin > expected[topic]:
            raise OwnershipLost(
                f"{topic} partition {partition}: records were lost within this worker. The fetched batch "
                f"begins at offset {records.begin}, but the next offset to apply is {expected[topic]}. The "
                "restarted worker reads these records again."
            )
        expected[topic] = max(expected[topic], records.end)
        unseen = _from_offset(records, next_offsets[topic])
        if unseen:
            next_offsets[topic] = unseen[-1].offset + 1
        new.append(NewRecords(topic, unseen, expected[topic]))
    return new


def progress_of(
    position: Mapping[str, SourcePosition],
    applied_to: Mapping[str, int],
    new: Sequence[NewRecords],
    finished: int,
) -> Progress:
    """Return what the first `finished` of the new records lead to."""
    progress = Progress(dict(position), dict(applied_to), defaultdict(int), 0)
    for topic, records, end in new:
        taken = min(len(records), finished)
        if taken:
            last = records[taken - 1]
            partitions = position[topic].partitions
            progress.position[topic] = SourcePosition(last.offset + 1, partitions, last.timestamp)
            progress.records[topic] += taken
        if taken < len(records):
            break
        finished -= taken
        progress.applied_to[topic] = end
        progress = progress._replace(ranges=progress.ranges + 1)
    return progress


def applied_end(applied: SourcePosition, fetched: Fetched) -> int:
    """Return the offset up to which a log is applied, with the markers after the last record.

    `fetched` says how far it was fetched. Markers count only once all fetched records are applied: only
    fetching tells them from records.
    """
    done = applied.next_offset
    return max(done, fetched.position) if fetched.last_record < done else done


def _from_offset(records: Sequence[StampedRecord], offset: int) -> Sequence[StampedRecord]:
    """The records from an offset on. Nearly always all of them: a fetch begins earlier only after a seek."""
    if not records or records[0].offset >= offset:
        return records
    return [record for record in records if record.offset >= offset]
