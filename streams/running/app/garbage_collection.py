"""A schedule for Python's cyclic garbage collector that suits a worker."""

import asyncio
import gc
import time

# A report makes dozens of objects, and reference counting frees all of them; only the event loop and the
# Kafka client leave a few in cycles. Python collects after a number of allocations, so with any threshold it
# does so when most records are in memory: 3 us per report, 6 on new channels, and it finds nothing. One
# collection every five seconds takes a few milliseconds in a worker that is not busy.
SECONDS_BETWEEN_LOOKS = 5.0

# A worker whose event loop uses more than this share of a core has some hundred thousand objects in memory,
# and a collection would stop it for half a second.
BUSY = 0.5

# Not the oldest generation: objects that survived two collections are state, and there are too many of them.
_YOUNG = 1


def leave_out_what_stays() -> None:
    """Exclude all live objects from later collections: modules, rules, the state of the owned partitions.

    Call after a rebalance. It first makes a full collection, which frees the state of released partitions and
    whatever a busy worker has postponed. From the first call on, nothing is collected unless
    `collect_regularly` runs.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.disable()


async def collect_regularly() -> None:
    """Collect recent garbage regularly, until cancelled. A busy worker postpones it to the next rebalance."""
    used = time.thread_time()
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        before, used = used, time.thread_time()
        if used - before > BUSY * SECONDS_BETWEEN_LOOKS:
            # Otherwise the first collection after the busy period would have to look through everything made
            # in it.
            gc.freeze()
        else:
            gc.collect(_YOUNG)
