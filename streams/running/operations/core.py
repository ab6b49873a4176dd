"""Which core applies reports."""

from typing import Literal, NamedTuple


class Core(NamedTuple):
    """The core that a worker runs, and `why` that one, as an operator reads it.

    `left_to_python` are the policies that a native core does not know; Python applies all reports of their
    categories.
    """

    runs: Literal["native", "python"]
    why: str
    left_to_python: tuple[str, ...] = ()
