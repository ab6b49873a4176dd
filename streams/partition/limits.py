"""How much a stage does between two turns of the event loop, and in one transaction.

The limits decide where work is interrupted, never what comes of it: the same records are applied and the same
due steps are taken, in the same order, wherever the cuts are.
"""

import sys
from typing import Final, NamedTuple

# What counts as one report more, because of its size: a report with 4 KB of JSON, or with 8 headers beyond the usual
# ones, takes about twice the time of a usual one. As shifts, since this is computed for every record.
BYTES_SHIFT: Final = 12
HEADERS_SHIFT: Final = 3

# Bytes of an output beside its value: key, headers, and Kafka's own fields.
OUTPUT_OVERHEAD: Final = 300


class Limits(NamedTuple):
    """The limits of a slice, after which the caller may do something else, and of a batch.

    `slice_records`, `slice_work` (records and outputs together), `slice_steps` and `slice_expiries` (keys of
    counts) end a slice. `batch_steps` and `batch_bytes` (of outputs and changed state) end a batch after the
    slice that reaches them, and so do `batch_refused` records that cannot be read, in a flood. Each must be at
    least 1, so that every batch gets on.
    """

    slice_records: int
    slice_work: int
    slice_steps: int
    slice_expiries: int
    batch_steps: int
    batch_bytes: int
    batch_refused: int


# A slice of 128 usual reports, or of 64 steps of clocks, takes 5 to 10 ms: short against the half second between
# two heartbeats, long against the 20 us of a turn of the event loop. A report usually has one output, so
# 256 records and outputs are a usual slice too; reports that arm clocks have several outputs.
#
# A batch of 32 MiB is 15,000 usual reports and a second of work; a transaction costs some 10 ms whatever its
# size. Steps without an output, such as the end of a cooldown, do not add up to bytes: 10,000 of them take half
# a second. A flooded source rests after each batch, as long as its refused records demand (see
# runtime/resting.py); 500 of them are five seconds.
LIMITS: Final = Limits(
    slice_records=128,
    slice_work=256,
    slice_steps=64,
    slice_expiries=2_000,
    batch_steps=10_000,
    batch_bytes=32 * 1024 * 1024,
    batch_refused=500,
)

UNLIMITED: Final = Limits(*[sys.maxsize] * len(Limits._fields))
