"""Applies a slice with the native core, and with the stage's own code what that leaves out."""

from collections.abc import Callable, Sequence
from typing import Any

from streams.contract.wire.failing import Place, StageFailed
from streams.deciding.partition.batch import Applies, Apply, Batch, Item, apply_slice

FastPath = Callable[[Any, Sequence[Any], int, int], int]
"""Applies records or entries from an index on until one is out of the ordinary; returns their number.

It leaves the batch as the stage's own code would, with how far sources are read (`Batch.read`), and ends with
the item with which there are as many more outputs than items as its last argument says. It raises what fails
at the first one, or FailedAt.
"""


class FailedAt(Exception):
    """The code failed with the cause at the item of this number, from the one on with which it began."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def applied_with(fast_path: FastPath) -> Apply:
    """Return what applies a slice as `apply_slice` does, most of it with a fast path."""

    def apply(batch: Batch[Any, Any, Any], items: Sequence[Item], applies: Applies[Item]) -> int:
        # Operators decided about a source: each record of it is looked at.
        if batch.state.sources:
            return apply_slice(batch, items, applies)
        return _apply_fast(batch, items, fast_path, applies)

    return apply


def _apply_fast(
    batch: Batch[Any, Any, Any], items: Sequence[Item], fast_path: FastPath, applies: Applies[Item]
) -> int:
    outputs = batch.outputs
    most_outputs = len(outputs) + batch.limits.slice_more_outputs
    finished = 0

    def place_from_here(number: int) -> Place:
        return applies.place(finished + number)

    one_by_one = applies._replace(place=place_from_here)
    while finished < len(items) and len(outputs) - finished < most_outputs:
        try:
            applied = fast_path(batch, items, finished, most_outputs - len(outputs) + finished)
        except MemoryError:
            raise
        except FailedAt as failed:
            cause = failed.__cause__
            assert isinstance(cause, Exception)
            if isinstance(cause, MemoryError):
                raise cause from None
            raise StageFailed(place_from_here(failed.number), cause) from cause
        except Exception as error:
            raise StageFailed(place_from_here(0), error) from error
        if not applied:
            applied = apply_slice(batch, items[finished : finished + 1], one_by_one)
        if not applied:
            break
        finished += applied
        if batch.switched:
            break
    return finished
