"""How long to wait before another attempt."""

import random

_FIRST_SECONDS = 1.0

# A receiver that is back gets its events within a minute.
_MOST_SECONDS = 60.0


def wait_before(attempt: int) -> float:
    """Seconds before attempt 2, 3 and so on: doubling, and at random, so that many channels do not come at once."""
    # Beyond a dozen doublings the most is reached, and a power would overflow.
    doubled = _FIRST_SECONDS * 2.0 ** min(attempt - 2, 12)
    return random.uniform(0.5, 1.0) * min(doubled, _MOST_SECONDS)  # noqa: S311 - spreads load, protects nothing
