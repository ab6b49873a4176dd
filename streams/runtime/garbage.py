"""Python's cyclic garbage collector, told what a worker is like."""

import gc

# A batch makes a few objects per record, all of them freed by their reference counts. With Python's default of 700 the
# collector looks through them some hundred times per cycle and finds nothing: 5 to 10 % of the time of a busy worker.
# Counts of new channels live for seconds; with 50,000 looking through those costs 3 us per report on a new channel. At
# most so many objects, some tens of megabytes, can wait in cycles.
ALLOCATIONS_PER_COLLECTION = 200_000


def leave_out_what_stays() -> None:
    """Take what is alive now out of later collections: modules, rules, the states of our partitions.

    Call when partitions have changed hands. What went with them is collected first, whatever refers to it.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS_PER_COLLECTION, 20, 50)
