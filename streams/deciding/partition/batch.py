"""One batch of records of a partition: its changes and its outputs, and how items are applied to it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from streams.contract.events.internal.time_correction import TimeCorrection
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.failing import Place, StageFailed
from streams.contract.wire.origin import NotAtHome
from streams.contract.wire.records import OutputRecord, bytes_of_values
from streams.contract.wire.times import DAY
from streams.deciding.partition.counters import PartitionCounters
from streams.deciding.partition.due import DueKey
from streams.deciding.partition.limits import OUTPUT_OVERHEAD, UNLIMITED, Limits
from streams.deciding.partition.passing import PassedOn
from streams.deciding.partition.state import PartitionState

State = TypeVar("State", bound=PartitionState)
Rules = TypeVar("Rules")
Counters = TypeVar("Counters", bound=PartitionCounters)
Item = TypeVar("Item")

# Parts in which `finish` encodes what changed: each takes a few milliseconds. A daily counter takes some 20
# us, a state record 10 us, and 1 MiB of large ones a millisecond.
_COUNTERS_PER_PART = 128
_CHANGES_PER_PART = 256
_BYTES_PER_PART = 1024 * 1024


class StepsRemain(Exception):
    """The slice has taken its share of due steps, and more must be taken before the record is applied.

    Nothing of the record was applied yet. Handle it again in the next slice, or in the next batch.
    """


class AheadOfOthers(Exception):
    """The record of `topic` (as in the record) is of `moment` (ms), later than its source may be read to.

    Nothing of the record was applied. Handle it again when the source may be read further.
    """

    def __init__(self, topic: str, moment: int) -> None:
        super().__init__(topic, moment)
        self.topic = topic
        self.moment = moment


class Batch(Generic[State, Rules, Counters]):
    """State, rules and results of a batch: the only mutable object that handlers get.

    `outputs` are the records to write, in order, with topic names without prefix; what is `passed_on` to
    other partitions is among them after `finish`. `changes` holds each changed state record once, None to
    delete it; it is complete after `finish`. `event_times` are the times (ms since the epoch) of the
    applied events, in the order of application. `finished_records` is the number of records that need not
    be handled again; of the one after them `finished_entries` are applied, if it is a bundle (reading.py).
    If a handler raises anything but Rejected, StepsRemain and AheadOfOthers, neither `state` nor the
    batch may be used afterwards. `refused` counts the records by topic that could not be read.

    `switched`: the last record read has put other rules into force, so that this batch ends with it.

    `until` says how far sources may be read, as the latest event time (ms) by topic; None if all may be read
    to their ends. `reached` is the latest event time read of each source, and `ahead` the record at which the
    batch stopped, if it did.
    """

    __slots__ = (
        "_bytes", "_counted_outputs", "_expiring", "_serve_due", "_slice_steps_end", "_steps", "ahead",
        "changes", "counters", "event_times", "finished_entries", "finished_records", "limits", "outputs",
        "passed_on", "reached", "refused", "rules", "state", "switched", "until",
    )  # fmt: skip

    def __init__(
        self,
        state: State,
        rules: Rules,
        counters: Counters,
        serve_due: Callable[[Any, int, DueKey], None],
        limits: Limits = UNLIMITED,
        until: Mapping[str, int] | None = None,
    ) -> None:
        self.state = state
        self.rules = rules
        self.counters = counters
        self.limits = limits
        self.until = until
        self.reached: dict[str, int] = {}
        self.ahead: AheadOfOthers | None = None
        self.outputs: list[OutputRecord] = []
        self.passed_on = PassedOn(state.homes)
        self.changes: dict[bytes, bytes | None] = {}
        self.event_times: list[int] = []
        self.finished_records = self.finished_entries = 0
        self.refused: Counter[str] = Counter()
        self._serve_due = serve_due
        self._steps = 0
        self._slice_steps_end = limits.slice_steps
        self._bytes = 0
        self._counted_outputs = 0
        self._expiring = False
        self.switched = False

    def begin_slice(self) -> None:
        """Allow the due steps of another slice."""
        self._slice_steps_end = self._steps + self.limits.slice_steps

    def is_full(self) -> bool:
        """Return whether the batch has reached its limits, so that no slice may follow.

        Call after each slice.
        """
        added = self.outputs[self._counted_outputs :]
        self._counted_outputs += len(added)
        self._bytes += bytes_of_values(added) + OUTPUT_OVERHEAD * len(added)
        if self._expiring:
            # A state restored now would have lost counts that its time does not yet allow to lose.
            return False
        limits = self.limits
        return (
            self._steps >= limits.batch_steps
            or (self.state.breaker.is_tripped and self.refused.total() >= limits.batch_refused)
            or self._bytes + self.passed_on.size + self.state.changed_bytes() >= limits.batch_bytes
        )

    def read(self, topic: str, moment: int) -> None:
        """Note that a valid record of an external source (topic as in the record) is read; `moment` is in ms.

        Call it before the record changes anything or is passed on: raises AheadOfOthers if the source may not
        be read that far yet.
        """
        until = self.until
        if until is not None and moment > until.get(topic, moment):
            self.ahead = AheadOfOthers(topic, moment)
            raise self.ahead
        reached = self.reached
        if moment > reached.get(topic, 0):
            reached[topic] = moment

    def advance(self, moment: int, appended: int) -> None:
        """Move the partition's time on for a record of `moment` that was appended at `appended` (both in ms).

        Takes each step that is due by then, by (due time, key). Call it before the record changes anything:
        raises StepsRemain if there are too many steps for this slice. Time has not moved then.
        """
        state = self.state
        time = state.time
        now = time.now
        until = max(now, moment)
        # Asked here because it is rarely so, and a call for each record takes longer.
        if until // DAY != now // DAY or state.due.is_due(until):
            self._take_steps(until)
        time.reach(time.after(moment, appended))

    def take_overdue(self) -> None:
        """Take the steps that are due already for what the current record has changed."""
        state = self.state
        while (due := state.due.pop(state.time.now)) is not None:
            self._serve_due(self, *due)

    def count_applied(self, event_time: int) -> None:
        """Count an applied report or request; `event_time` (ms since the epoch) is when it happened."""
        self.state.time.count_applied()
        self.counters.applied += 1
        self.event_times.append(event_time)

    def honour_tick(self, after: int, appended: int) -> None:
        """Move time on by a tick; ignore the tick if a record was applied after it was written.

        Raises StepsRemain as `advance` does.
        """
        time = self.state.time
        if not time.honours(after):
            self.counters.ticks_ignored += 1
            return
        self._take_steps(time.after_tick(appended))
        self.counters.ticks_honoured += 1
        time.reach(time.honour_tick(appended))

    def correct_time(self, correction: TimeCorrection, appended: int) -> None:
        """Set time back as an operator decided, unless time is right (see PartitionTime.read_correction).

        What was published stays published, and what lapsed stays lapsed.
        """
        clock = correction.clock_ms
        if self.state.time.read_correction(correction.wrong_ms, clock, appended):
            self.counters.time_corrected += 1
            self.state.turn_back(clock, appended, self.rules)
        else:
            self.counters.corrections_ignored += 1

    def tripped(self) -> Mapping[str, int]:
        """Return how many records of which topics were unreadable, if the dead letter breaker has tripped."""
        return self.refused if self.state.breaker.is_tripped else {}

    def finish(self) -> Iterator[None]:
        """Complete `outputs` and `changes` in parts of a few milliseconds each; exhaust it once."""
        state = self.state
        for written in self.passed_on.drain():
            self.outputs += written
            yield
        counted: dict[bytes, bytes | None] = {}
        while (drained := state.daily.drain(state.time.now, _COUNTERS_PER_PART)).changes or drained.records:
            self.outputs.extend(drained.records)
            counted.update(drained.changes)
            yield
        number = size = 0
        for key, value in state.drain_changes():
            self.changes[key] = value
            number += 1
            size += len(value or b"")
            if number == _CHANGES_PER_PART or size >= _BYTES_PER_PART:
                number = size = 0
                yield
        self.changes.update(counted)

    def _take_steps(self, until: int) -> None:
        state = self.state
        while (due := state.due.pop(until)) is not None:
            self._serve_due(self, *due)
            self._steps += 1
            if self._steps >= self._slice_steps_end:
                earliest = state.due.earliest()
                if earliest is not None and earliest <= until:
                    # `now` stays where it was: the state in between is the state of a record half handled,
                    # and handling the record again continues with the same target.
                    raise StepsRemain
        if until // DAY != state.time.now // DAY:
            self._expiring = not state.begin_day(until, self.limits.slice_expiries)
            if self._expiring:
                raise StepsRemain


class Applies(NamedTuple, Generic[Item]):
    """What applies an item of a slice, one at a time.

    `apply` applies it to the batch, `refuse` makes a dead letter of one that is invalid, and `place` says
    where the item of a number is.
    """

    apply: Callable[[Any, Item], bool | None]
    refuse: Callable[[Item, Rejected], None]
    place: Callable[[int], Place]


Apply = Callable[[Batch[Any, Any, Any], Sequence[Any], Applies[Any]], int]
"""Applies items of a slice in their order, as many as its limits allow; returns their number.

What they lead to is in the batch. Raises StageFailed with the place of the item on which the code fails.
"""


def apply_slice(batch: Batch[Any, Any, Any], items: Sequence[Item], applies: Applies[Item]) -> int:
    """Apply items of a slice in their order, as many as its limits allow; return their number.

    Raises StageFailed with the place of the item on which the code fails.
    """
    apply, refuse, place = applies
    outputs, breaker = batch.outputs, batch.state.breaker
    most_outputs = len(outputs) + batch.limits.slice_more_outputs
    finished = read = 0
    for item in items:
        try:
            if not apply(batch, item):
                read += 1
        except (StepsRemain, AheadOfOthers):
            break
        except Rejected as rejected:
            breaker.note_read(read)
            read = 0
            refuse(item, rejected)
        except (NotAtHome, MemoryError):
            raise
        except Exception as error:
            raise StageFailed(place(finished), error) from error
        finished += 1
        if len(outputs) - finished >= most_outputs or batch.switched:
            break
    breaker.note_read(read)
    return finished
