"""This machine's clock."""

import time


def clock_ms() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)
