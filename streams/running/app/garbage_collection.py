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


# A full collection looks at all objects: 50 ms with the rules alone, 0.6 s with a million channels. After a
# takeover it waits until what arrived meanwhile is applied. A busy worker does it in the end all the same:
# the state of partitions that it has no longer may take memory until then.
SETTLING_SECONDS = 10.0
LATEST_SECONDS = 60.0


class GarbageCollection:
    """Collects recent garbage regularly while `run` runs, and all of it some time after a takeover."""

    def __init__(self) -> None:
        self._settled_at = float("inf")

    def taken_over(self) -> None:
        """Leave the state of the partitions that were taken over out of the next collections.

        From the first call on, nothing is collected but by `run`. It takes no time: reports wait for the end
        of a takeover.
        """
        gc.freeze()
        gc.disable()
        self._settled_at = time.monotonic() + SETTLING_SECONDS

    async def run(self) -> None:
        """Collect until cancelled."""
        used = time.thread_time()
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            before, used = used, time.thread_time()
            is_busy = used - before > BUSY * SECONDS_BETWEEN_LOOKS
            since = time.monotonic() - self._settled_at
            if since >= (LATEST_SECONDS if is_busy else 0.0):
                leave_out_what_stays()
                self._settled_at = float("inf")
            elif is_busy:
                # Otherwise the first collection after the busy period would have to look through everything
                # made in it.
                gc.freeze()
            else:
                gc.collect(_YOUNG)


def leave_out_what_stays() -> None:
    """Exclude all live objects from later collections: modules, rules, the state of the owned partitions.

    It first makes a full collection, which frees the state of released partitions and whatever a busy worker
    has postponed.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.disable()
