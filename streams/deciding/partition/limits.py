"""How much a stage does between two turns of the event loop, and in one transaction.

The limits decide where work is interrupted, never what comes of it: the same records are applied and the same
due steps are taken, in the same order, wherever the cuts are.
"""

import sys
from typing import Final, NamedTuple

# Bytes of an output beside its value: key, headers, and Kafka's own fields.
OUTPUT_OVERHEAD: Final = 300


class Limits(NamedTuple):
    """The limits of a slice, after which the caller may do something else, and of a batch.

    A slice ends after `slice_records`, before the values of its records exceed `slice_bytes`, after
    `slice_more_outputs` (outputs beyond one per record), `slice_steps`, or `slice_expiries` (keys of counts
    that are deleted). A batch ends after the slice with which it reaches `batch_steps` or `batch_bytes` (of
    outputs and changed state), and while the breaker is tripped with `batch_refused` records that cannot be
    read. Each limit must be at least 1; one record or step is always handled, so that every batch gets on.
    """

    slice_records: int
    slice_bytes: int
    slice_more_outputs: int
    slice_steps: int
    slice_expiries: int
    batch_steps: int
    batch_bytes: int
    batch_refused: int


# A slice of 128 usual reports, or of 64 steps of clocks, takes 5 to 10 ms: short against the half second
# between two heartbeats, long against the 20 us of a turn of the event loop. A usual report has 400 bytes and
# one output. One that is filled up to 64 KB takes as long as five or ten usual ones; one that arms clocks
# takes as long as two or three usual ones for each event that opens a clock.
#
# A batch of 32 MiB is 15,000 usual reports and a second of work; a transaction costs some 10 ms whatever its
# size. Steps without an output, such as the end of a cooldown, do not add up to bytes: 10,000 of them take
# half a second. A source that tripped the breaker rests after each batch, as long as its refused records
# demand (see running/partitions/resting.py); 500 of them are five seconds.
LIMITS: Final = Limits(
    slice_records=128,
    slice_bytes=512 * 1024,
    slice_more_outputs=48,
    slice_steps=64,
    slice_expiries=2_000,
    batch_steps=10_000,
    batch_bytes=32 * 1024 * 1024,
    batch_refused=500,
)

UNLIMITED: Final = Limits(*[sys.maxsize] * len(Limits._fields))
