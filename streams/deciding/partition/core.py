"""The seam between a stage and what keeps its state and applies what it reads: Python, or the native core."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Literal

from streams.deciding.partition.batch import Apply, Rules, State, apply_slice
from streams.deciding.partition.reading import Bundled

CoreName = Literal["python", "native"]


@dataclass(frozen=True, slots=True)
class Core(Generic[State, Rules]):
    """Keeps the state of partitions and applies what they read, by one set of rules.

    Python's defines what is right. Another one keeps other objects and handles what is ordinary itself; it
    leaves the rest to what it is given as `Applies`, and writes the same bytes.

    `restore(partition, partitions, rules, entries)` builds a state from the last value of every key; without
    entries, an empty one. Raises UnknownStateVersion. `bundled` has what it does with bundles, by their form.
    """

    name: CoreName
    restore: Callable[[int, int, Rules, Iterable[tuple[bytes, bytes]]], State]
    bundled: tuple[Bundled[Any], ...] = ()
    apply_records: Apply = apply_slice
