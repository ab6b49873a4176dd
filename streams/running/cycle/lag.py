"""How far the owner of a partition is behind the ends of its source logs."""

from typing import NamedTuple

from streams.running.log.fetched import Fetched
from streams.running.log.position import SourcePosition
from streams.running.partitions.progress import applied_end


class SourceLag(NamedTuple):
    """The lag of one partition of a source topic (name without prefix).

    `records`: how many in the log are not applied; None while that is unknown, before the first fetch and
    while the brokers do not answer. `readable`: how many of them could be applied now; the others belong to
    open transactions, or to a source that rests. `applied_append_time` (ms since the epoch): that of the
    record before `next_offset`, None when none was applied.
    """

    topic: str
    partition: int
    next_offset: int
    records: int | None
    readable: int
    applied_append_time: int | None


def source_lag(
    topic: str, partition: int, applied: SourcePosition, fetched: Fetched | None, *, rests: bool = False
) -> SourceLag:
    """The lag of a partition that was applied up to `applied` and fetched up to `fetched`.

    If it `rests`, nothing of it can be applied for now.
    """
    if fetched is None:
        return SourceLag(topic, partition, applied.next_offset, None, 0, applied.last_append_time)
    done = applied_end(applied, fetched)
    return SourceLag(
        topic,
        partition,
        applied.next_offset,
        max(0, fetched.end - done),
        0 if rests else max(0, fetched.stable_end - done),
        applied.last_append_time,
    )
