"""The seam between a stage and what keeps its state and applies what it reads: Python, or the native core."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal

from streams.deciding.partition.batch import Applies, Batch, Rules, State, apply_slice
from streams.deciding.partition.reading import Bundled

CoreName = Literal["python", "native"]

Apply = Callable[[Batch[Any, Any, Any], Sequence[Any], Applies[Any]], int]
"""Applies items of a slice in their order, as many as its limits allow; returns their number.

What they lead to is in the batch. Raises StageFailed with the place of the item on which the code fails.
"""


@dataclass(frozen=True, slots=True)
class Core(Generic[State, Rules]):
    """Keeps the state of partitions and applies what they read, by one set of rules.

    Python's defines what is right. Another one keeps other objects and handles what is ordinary itself; it
    leaves the rest to what it is given as `Applies`, and writes the same bytes.

    `restore(partition, partitions, rules, entries)` builds a state from the last value of every key; without
    entries, an empty one. Raises UnknownStateVersion. `bundled` says what it wants to get of bundles, None in
    a stage that gets none.
    """

    name: CoreName
    restore: Callable[[int, int, Rules, Iterable[tuple[bytes, bytes]]], State]
    bundled: Bundled[Any] | None = None
    apply_records: Apply = apply_slice
    apply_entries: Apply = apply_slice
