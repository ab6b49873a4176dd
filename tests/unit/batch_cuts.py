"""Applies records as owners do, in slices and batches of any size and with takeovers, and gives everything
that comes of it.
"""

from collections.abc import Collection, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

from hypothesis import strategies as st

from streams.contract.wire.records import OutputRecord
from streams.deciding.partition.batch import Batch
from streams.deciding.partition.limits import Limits
from streams.deciding.partition.stage import Stage
from tests import bundled
from tests.unit.traffic import Record, counted, fold

tiny = st.builds(
    Limits,
    slice_records=st.integers(1, 5),
    slice_bytes=st.sampled_from([1, 500, 1_000, 1_000_000]),
    slice_more_outputs=st.integers(1, 9),
    slice_steps=st.integers(1, 4),
    slice_expiries=st.integers(1, 2),
    batch_steps=st.integers(1, 9),
    batch_bytes=st.sampled_from([1, 3_000, 20_000, 1_000_000]),
    batch_refused=st.integers(1, 9),
)

# Not after every batch: an owner judges episodes again that its predecessor found unchanged since the last
# record.
takeovers = st.sets(st.integers(0, 30), max_size=4)


def batches(
    stage: Stage[Any, Any, Any], records: Sequence[Record], limits: Limits, takeovers: Collection[int] = ()
) -> Iterator[tuple[Batch[Any, Any, Any], Any]]:
    """Apply the records as an owner does, in batches within the limits; yields each with the state after it.

    After the batches with the numbers in `takeovers` another owner takes over. A change of rules is followed
    if `stage` has them.
    """
    state = stage.restore(0, 1)
    stored: dict[bytes, bytes] = {}
    begin = number = 0
    while begin < len(records):
        *_, batch = stage.for_state(state).apply_in_slices(state, records[begin:], limits)
        begin += batch.finished_records
        fold(stored, batch.changes)
        yield batch, state
        if number in takeovers:
            entries = list(stored.items())
            Random(number).shuffle(entries)
            state = stage.for_entries(stored).restore(0, 1, entries)
        number += 1


class Applied(NamedTuple):
    """Outputs without the bundles around them, the last value of each daily counter, the state topic, all
    counters, and the state.
    """

    outputs: list[OutputRecord]
    daily: list[tuple[Any, OutputRecord]]
    stored: dict[bytes, bytes]
    happened: dict[str, float]
    state: Any


def applied(
    stage: Stage[Any, Any, Any], records: Sequence[Record], limits: Limits, takeovers: Collection[int] = ()
) -> Applied:
    """Apply the records as `batches` does, and give all that comes of it."""
    outputs: list[OutputRecord] = []
    daily, stored, happened = {}, {}, {}
    state = stage.restore(0, 1)
    for batch, after in batches(stage, records, limits, takeovers):
        state = after
        fold(stored, batch.changes)
        for name, number in counted(batch).items():
            happened[name] = happened.get(name, 0) + number
        for output in batch.outputs:
            if output.topic == "transparency-counters":
                daily[output.key] = output
            else:
                outputs.append(output)
    return Applied(bundled.expanded(outputs), sorted(daily.items()), stored, happened, state)


def results(
    stage: Stage[Any, Any, Any], records: Sequence[Record], limits: Limits, takeovers: Collection[int] = ()
) -> tuple[Any, ...]:
    """What comes of the records, to be compared with what came of them otherwise."""
    outputs, daily, stored, happened, state = applied(stage, records, limits, takeovers)
    return outputs, daily, stored, state.next_due(), happened
