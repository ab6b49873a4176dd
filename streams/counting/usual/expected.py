"""What a window is expected to have."""

from typing import NamedTuple


class Expected(NamedTuple):
    """How many reports a window is expected to have: `mean`, known as well as `shape` reports tell it."""

    mean: float
    shape: int
