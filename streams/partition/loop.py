"""What every stage does with the records of a partition: ticks, dead letters, the breaker, and the batch's changes."""

from collections.abc import Callable, Sequence

from streams.events.dead_letter import DeadLetterReason
from streams.partition.batch import Outcome
from streams.partition.flood import WINDOW, FloodDetected
from streams.partition.state import PartitionMemory
from streams.wire.dead_letter import Rejected, dead_letter
from streams.wire.origin import Origin, is_internal, origin_of, own_place
from streams.wire.records import OutputRecord, SourceRecord
from streams.wire.tick import decode_tick
from streams.wire.topics import CLOCK_OUTCOMES, DEAD_LETTERS

# Refusals of what could be read. They do not count as a flood: when logs are read from their beginning again, outcomes
# may come before the reports and requests that arm their clocks, and can be driven again later.
READABLE: frozenset[DeadLetterReason] = frozenset({"clock_not_running", "not_pausable"})

# Applies one record from its origin, sends it home or passes over it. Raises Rejected when it cannot be used.
Take = Callable[[SourceRecord, Origin, Outcome], None]


def apply_records(
    state: PartitionMemory,
    records: Sequence[SourceRecord],
    take: Take,
    take_outcome: Take,
    pass_time: Callable[[int, Outcome], None],
    *,
    kind: str,
    breaker: bool,
) -> Outcome:
    """Apply records in their order and give what they lead to.

    `take` is for the records of `kind` (a plural) that the stage is for, `take_outcome` for outcomes of clocks;
    `pass_time` moves the partition's time on to a time in ms. Raises FloodDetected when `breaker` is on and most of the
    last records could not be read.
    """
    outcome = Outcome()
    state.homes.foresee(records)
    for record in records:
        internal = is_internal(record)
        if internal:
            after = decode_tick(record)
            if after is not None:
                _apply_tick(state, after, record.timestamp, pass_time, outcome)
                continue
        origin = origin_of(record) if internal else own_place(record)
        try:
            if origin.topic.endswith(CLOCK_OUTCOMES):
                take_outcome(record, origin, outcome)
            else:
                take(record, origin, outcome)
        except Rejected as rejected:
            outcome.outputs.append(OutputRecord(DEAD_LETTERS, None, *dead_letter(record, rejected)))
            outcome.counters[f"dead_letter:{rejected.reason}"] += 1
            flooded = state.flood.note(dead=rejected.reason not in READABLE)
        else:
            flooded = state.flood.note(dead=False)
        if flooded and breaker:
            raise FloodDetected(
                f"{state.flood.dead_letters} of the last {WINDOW} records of partition {state.partition} could not "
                f"be read as {kind}. Nothing of this batch is written. Look at what is published; to let it pass into "
                "the dead letters, set TOCSIN_DEAD_LETTER_BREAKER=off."
            )
    counted = state.transparency.drain(state.now)
    outcome.outputs.extend(counted.records)
    outcome.changes = state.drain_changes() | counted.changes
    return outcome


def place_note(what: str, record: SourceRecord) -> str:
    """A note for an exception that stops the worker, by which an operator finds the record."""
    return f"while applying {what}: {record.topic} partition {record.partition} offset {record.offset}"


def time_by_tick(state: PartitionMemory, append_time: int) -> int:
    """What the partition's time will be once a tick appended at `append_time` (ms) is read back."""
    return state.now + max(0, append_time - state.newest_append)


def _apply_tick(
    state: PartitionMemory,
    after: int,
    append_time: int,
    pass_time: Callable[[int, Outcome], None],
    outcome: Outcome,
) -> None:
    """Move time on by a tick, unless something was applied since it was written: then its time has passed."""
    if after != state.applied or not state.applied:
        outcome.counters["ticks_ignored"] += 1
        return
    outcome.counters["ticks_honoured"] += 1
    state.ticks += 1
    time = time_by_tick(state, append_time)
    state.newest_append = max(state.newest_append, append_time)
    pass_time(time, outcome)
