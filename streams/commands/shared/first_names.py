"""Names in a line that has no room for all of them."""

from collections.abc import Iterable


def first_names(names: Iterable[str], most: int) -> str:
    """The first names, at most so many, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
