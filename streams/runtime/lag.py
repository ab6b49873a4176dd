"""How far the owner of a partition is behind the end of its logs."""

from typing import NamedTuple

from streams.runtime.patches.faust_consumer import Fetched
from streams.runtime.position import SourcePosition


class SourceLag(NamedTuple):
    """Of one partition of a source topic (logical name).

    `records` are in the log and not applied, None while nobody can know: before anything was fetched, and while the
    brokers do not answer; `readable` of them could be applied now,
    the others belong to transactions that are still open. `applied_append_time` (ms since the epoch) is that of the
    record before `next_offset`, None when nothing was applied.
    """

    topic: str
    partition: int
    next_offset: int
    records: int | None
    readable: int
    applied_append_time: int | None


def source_lag(topic: str, partition: int, applied: SourcePosition, fetched: Fetched | None) -> SourceLag:
    """The lag of a partition of which `applied` is done and `fetched` has come.

    Transaction markers count as records as long as a record before them is not applied: nobody can tell them apart
    without reading.
    """
    if fetched is None:
        return SourceLag(topic, partition, applied.next_offset, None, 0, applied.last_append_time)
    done = applied.next_offset
    if fetched.last_record < done:
        # All records that came are applied: between them and the fetch position stand only markers.
        done = max(done, fetched.position)
    return SourceLag(
        topic,
        partition,
        applied.next_offset,
        max(0, fetched.end - done),
        max(0, fetched.stable_end - done),
        applied.last_append_time,
    )
