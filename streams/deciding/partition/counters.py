"""Counters of a batch, for metrics. An unknown counter is a type error."""

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Self

from streams.contract.events.dead_letter import DeadLetterReason
from streams.deciding.clocks.life import ClockEvent


@dataclass(slots=True)
class PartitionCounters:
    """The counters of every stage. `clock_events` counts by obligation and event."""

    applied: int = 0
    duplicates: int = 0
    rekeyed: int = 0
    ticks_honoured: int = 0
    ticks_ignored: int = 0
    time_corrected: int = 0
    corrections_ignored: int = 0
    clock_outcomes: int = 0
    dead_letters: Counter[DeadLetterReason] = field(default_factory=Counter)
    clock_events: Counter[tuple[str, ClockEvent]] = field(default_factory=Counter)

    def add(self, other: Self) -> None:
        """Add the counters of another batch of the same stage."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
