"""Settings of the C library's memory allocator that suit a worker."""

import ctypes
import sys

# Parameters of mallopt, from malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

# A cycle allocates some hundred megabytes for its records and frees them. By default glibc returns them to
# the system after each cycle, and the next cycle waits while the kernel clears the pages again: a tenth of a
# busy worker's CPU. This is more than any cycle frees, so its memory stays available for the next one.
KEPT_BYTES = 1 << 30

# The largest value that glibc accepts. Larger blocks are mapped again each time; by default that includes
# fetch buffers.
LARGEST_FROM_HEAP_BYTES = 32 * 1024 * 1024

# The fetching thread allocates what the event loop's thread frees. With one heap per thread, both heaps would
# grow to the size of all records together.
ARENAS = 1


def keep_freed_memory() -> None:
    """Keep freed memory in the process, for the next cycle.

    Call before threads start. No effect without glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        # musl does not have it.
        return
    mallopt(_M_ARENA_MAX, ARENAS)
    mallopt(_M_MMAP_THRESHOLD, LARGEST_FROM_HEAP_BYTES)
    mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
