"""Python's cyclic garbage collector, told what a worker is like."""

import asyncio
import gc
import time

# A report makes dozens of objects, and all of them are freed by their reference counts; only the event loop and the
# Kafka client leave some in cycles now and then. Python counts allocations instead, and whatever the threshold, it
# looks when the most records are under way: 3 us per report, 6 on new channels, for nothing found. Looking every five
# seconds takes a few milliseconds in a worker that is not busy.
SECONDS_BETWEEN_LOOKS = 5.0

# A worker whose loop takes more of a core than this has some hundred thousand objects under way, and looking through
# those would stop it for half a second.
BUSY = 0.5

# Not the oldest generation: what has survived two looks is state, and there is too much of it to look through.
_YOUNG = 1


def leave_out_what_stays() -> None:
    """Take what is alive now out of later collections: modules, rules, the states of our partitions.

    Call when partitions have changed hands. What went with them is collected first, whatever refers to it, and so is
    what a busy worker has put off. From the first call on nothing is collected unless `collect_regularly` runs.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.disable()


async def collect_regularly() -> None:
    """Collect what was left in cycles lately, until cancelled. A busy worker puts it off until partitions move."""
    used = time.thread_time()
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        before, used = used, time.thread_time()
        if used - before > BUSY * SECONDS_BETWEEN_LOOKS:
            # What has piled up is state and records, and is not to be looked at when there is time again.
            gc.freeze()
        else:
            gc.collect(_YOUNG)
