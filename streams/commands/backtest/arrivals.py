"""Reads reports of a file in batches, as if they had been published now."""

from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from streams.contract.wire.records import DetachedRecord
from streams.contract.wire.topics import MESSAGE_REPORTS

# Large enough that the cost per batch does not matter, small enough that the progress line moves.
BATCH_SIZE = 1_000


def from_file(file: BinaryIO, now_ms: int) -> Iterator[list[DetachedRecord]]:
    """Yield batches of the non-empty lines of a file of reports, as if all had been published at `now_ms`.

    The offset of each is its line number, counted from 0.
    """
    lines = enumerate(file)
    while batch := list(islice(lines, BATCH_SIZE)):
        yield [
            DetachedRecord(MESSAGE_REPORTS, 0, number, now_ms, None, line.strip(), ())
            for number, line in batch
            if line.strip()
        ]
