"""Which core reads reports where they are published."""

from typing import Literal, NamedTuple


class CoreChoice(NamedTuple):
    """The core that a worker runs, and `why` that one, as an operator reads it."""

    runs: Literal["native", "python"]
    why: str
