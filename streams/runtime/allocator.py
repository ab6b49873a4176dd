"""The C library's memory allocator, told what a worker is like."""

import ctypes
import sys

# Parameters of mallopt, as malloc.h numbers them.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

# A cycle takes some hundred megabytes for its records and frees them. Left alone, glibc gives them back to the system
# after each cycle, and the next one waits until the kernel has cleared the pages again: a tenth of the CPU of a busy
# worker. More than any cycle frees, so that the memory of one is there for the next.
KEPT_BYTES = 1 << 30

# The largest that glibc takes. Anything larger comes from the system anew each time, as would the buffers of fetches.
LARGEST_FROM_HEAP_BYTES = 32 * 1024 * 1024

# What the fetching thread allocates the event loop frees. With a heap for each thread both grow to the size of all.
ARENAS = 1


def keep_freed_memory() -> None:
    """Let what one cycle frees stay with the process for the next. Call before threads start; glibc only."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        # musl has none.
        return
    mallopt(_M_ARENA_MAX, ARENAS)
    mallopt(_M_MMAP_THRESHOLD, LARGEST_FROM_HEAP_BYTES)
    mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
