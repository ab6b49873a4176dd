"""One batch of records of a partition: its changes and its outputs."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from streams.events.time_correction import TimeCorrection
from streams.partition.counters import PartitionCounters
from streams.partition.due import DueKey
from streams.partition.state import PartitionState
from streams.wire.records import OutputRecord
from streams.wire.times import DAY

State = TypeVar("State", bound=PartitionState)
Rules = TypeVar("Rules")
Counters = TypeVar("Counters", bound=PartitionCounters)


class Batch(Generic[State, Rules, Counters]):
    """State, rules and results of a batch: the only mutable object that handlers get.

    `outputs` are the records to write, in order, with topic names without prefix. `changes` holds each
    changed state record once, None to delete it; it is complete after `finish`. `event_times` are the times
    (ms since the epoch) of the applied events, in the order of application. If a handler raises anything but
    Rejected, neither `state` nor the batch may be used afterwards.
    """

    __slots__ = ("_serve_due", "changes", "counters", "event_times", "outputs", "rules", "state")

    def __init__(
        self,
        state: State,
        rules: Rules,
        counters: Counters,
        serve_due: Callable[[Any, int, DueKey], None],
    ) -> None:
        self.state = state
        self.rules = rules
        self.counters = counters
        self.outputs: list[OutputRecord] = []
        self.changes: dict[bytes, bytes | None] = {}
        self.event_times: list[int] = []
        self._serve_due = serve_due

    def advance(self, time: int) -> None:
        """Move the partition's time on to `time` (ms), taking each step due by then by (due time, key)."""
        state = self.state
        while (due := state.due.pop(time)) is not None:
            self._serve_due(self, *due)
        if time // DAY != state.time.now // DAY:
            state.begin_day(time)
        state.time.reach(time)

    def count_applied(self, event_time: int) -> None:
        """Count an applied report or request; `event_time` (ms since the epoch) is when it happened."""
        self.state.time.count_applied()
        self.counters.applied += 1
        self.event_times.append(event_time)

    def honour_tick(self, after: int, appended: int) -> None:
        """Move time on by a tick; ignore the tick if a record was applied after it was written."""
        time = self.state.time
        if not time.honours(after):
            self.counters.ticks_ignored += 1
            return
        self.counters.ticks_honoured += 1
        self.advance(time.honour_tick(appended))

    def correct_time(self, correction: TimeCorrection, appended: int) -> None:
        """Set time back as an operator decided; ignore it if time is not wrong (see PartitionTime.read_correction).

        What was published stays published, and what lapsed stays lapsed.
        """
        clock = correction.clock_ms
        if self.state.time.read_correction(correction.wrong_ms, clock, appended):
            self.counters.time_corrected += 1
            self.state.turn_back(clock, appended, self.rules)
        else:
            self.counters.corrections_ignored += 1

    def finish(self) -> None:
        """Complete `outputs` and `changes`; called once, after the last record."""
        state = self.state
        counted = state.daily.drain(state.time.now)
        self.outputs.extend(counted.records)
        self.changes = state.drain_changes() | counted.changes
