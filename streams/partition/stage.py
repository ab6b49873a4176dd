"""A stage: a table of handlers by topic, its state, and the loop that applies records."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from streams.events.dead_letter import DeadLetterReason
from streams.events.transparency import CountedStage
from streams.partition.batch import Batch, Counters, Rules, State, StepsRemain
from streams.partition.due import DueKey
from streams.partition.flood import FloodDetected
from streams.partition.limits import LIMITS, UNLIMITED, Limits
from streams.wire.dead_letter import Rejected, dead_letter
from streams.wire.origin import Origin, origin_of, own_place
from streams.wire.records import OutputRecord, SourceRecord
from streams.wire.tick import decode_tick, encode_tick
from streams.wire.topics import DEAD_LETTERS, SourceTopics, without_prefix

# Rejections of records that could be read. They do not count towards a flood: when logs are read again from
# the beginning, outcomes may come before the reports and requests that arm their clocks, and can be redriven
# later.
_READABLE: frozenset[DeadLetterReason] = frozenset({"clock_not_running", "not_pausable"})

# Records whose keys are hashed together: enough that it pays, and less than a millisecond.
_FORESEEN = 1_000

Handler = Callable[[Any, SourceRecord, Origin], None]
"""Applies one record in a batch, given its origin, or re-keys it. Raises Rejected if it is invalid."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage(Generic[State, Rules, Counters]):
    """A stage with its rules. The runtime runs it; tests and the back-test call it directly.

    `handlers` are by a record's original topic; the first one also takes records of topics that are not in
    the table. Records of topics in `handlers` but not in `sources` arrive through the internal topic only.
    `restored(partition, partitions, rules, entries)` builds a state from the last value of every key.
    `serve_due(batch, time, key)` takes the step due at `time`. `stop_at_floods`: see FloodDetected.
    """

    name: CountedStage
    rules: Rules
    sources: SourceTopics
    state_topic: str
    handlers: Mapping[str, Handler]
    new_counters: Callable[[], Counters]
    restored: Callable[[int, int, Rules, Iterable[tuple[bytes, bytes]]], State]
    serve_due: Callable[[Any, int, DueKey], None]
    stop_at_floods: bool

    def restore(self, partition: int, partitions: int, entries: Iterable[tuple[bytes, bytes]] = ()) -> State:
        """Return the state of a partition from the last value of every key; without entries, an empty state.

        Raises UnknownStateVersion (a ValueError) for a record that this version cannot read.
        """
        return self.restored(partition, partitions, self.rules, entries)

    def tick(self, state: State, wall_clock_ms: int) -> OutputRecord | None:
        """Return the tick for the internal topic if something is due by `wall_clock_ms`, else None."""
        due = state.next_due()
        if due is None or due > state.time.after_tick(wall_clock_ms):
            return None
        value, headers = encode_tick(state.time.applied)
        return OutputRecord(self.sources.internal, state.partition, None, value, headers)

    def apply(self, state: State, records: Sequence[SourceRecord]) -> Batch[State, Rules, Counters]:
        """Apply all records in one batch; otherwise as `apply_in_slices`."""
        *_, batch = self.apply_in_slices(state, records, UNLIMITED)
        return batch

    def apply_in_slices(
        self, state: State, records: Sequence[SourceRecord], limits: Limits = LIMITS
    ) -> Iterator[Batch[State, Rules, Counters]]:
        """Apply records in their order, in slices: yields the batch after each, to let the caller do other work.

        Changes `state`, which must have been made with the same rules. Run the iterator to its end: only then is
        the batch complete. It ends before the last record if the batch is full; `finished_records` tells where
        the next batch must begin. Outputs and state depend on the order of application alone, not on where it
        is cut, or where the state was restored in between.

        Raises FloodDetected, NotAtHome if the number of partitions was changed, or what a handler raises, with
        a note that names the record's place. After that neither `state` nor the batch may be used.
        """
        batch = Batch(state, self.rules, self.new_counters(), self.serve_due, limits)
        foreseen = 0
        while (begin := batch.finished_records) < len(records):
            if begin >= foreseen:
                state.homes.foresee(records[begin : begin + _FORESEEN])
                foreseen = begin + _FORESEEN
            batch.begin_slice()
            batch.finished_records += self._apply_slice(batch, _slice(records, begin, limits))
            yield batch
            if batch.is_full():
                break
        for _ in batch.finish():
            yield batch
        yield batch

    def _apply_slice(self, batch: Batch[State, Rules, Counters], records: Sequence[SourceRecord]) -> int:
        """Apply the records of a slice, or as many as its other limits allow; return their number."""
        handlers, internal = self.handlers, self.sources.internal
        default = next(iter(handlers.values()))
        state, outputs = batch.state, batch.outputs
        most_outputs = len(outputs) + batch.limits.slice_more_outputs
        finished = 0
        for record in records:
            try:
                topic = without_prefix(record.topic)
                if topic == internal:
                    after = decode_tick(record)
                    if after is not None:
                        batch.honour_tick(after, record.timestamp)
                        finished += 1
                        continue
                    origin = origin_of(record)
                    topic = without_prefix(origin.topic)
                else:
                    origin = own_place(record)
                handlers.get(topic, default)(batch, record, origin)
            except StepsRemain:
                break
            except Rejected as rejected:
                _refuse(batch, record, rejected)
                flooded = state.flood.note(dead=rejected.reason not in _READABLE)
            except Exception as error:
                error.add_note(
                    f"while applying {record.topic} partition {record.partition} offset {record.offset}"
                )
                raise
            else:
                flooded = state.flood.note(dead=False)
            if flooded and self.stop_at_floods:
                raise FloodDetected(self.name, state.partition, state.flood.dead_letters)
            finished += 1
            if len(outputs) - finished >= most_outputs:
                break
        return finished


def _slice(records: Sequence[SourceRecord], begin: int, limits: Limits) -> Sequence[SourceRecord]:
    found = records[begin : begin + limits.slice_records]
    while len(found) > 1 and sum([len(record.value or b"") for record in found]) > limits.slice_bytes:
        found = found[: len(found) // 2]
    return found


def _refuse(batch: Batch[State, Rules, Counters], record: SourceRecord, rejected: Rejected) -> None:
    batch.outputs.append(OutputRecord(DEAD_LETTERS, None, *dead_letter(record, rejected)))
    batch.counters.dead_letters[rejected.reason] += 1
