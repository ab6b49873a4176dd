"""What happened in a batch, in numbers, for metrics. A counter that does not exist is a type error."""

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Self

from streams.clocks.life import ClockEvent
from streams.events.dead_letter import DeadLetterReason


@dataclass(slots=True)
class PartitionCounters:
    """What every stage counts. `clock_events` are by obligation and event."""

    applied: int = 0
    duplicates: int = 0
    rekeyed: int = 0
    ticks_honoured: int = 0
    ticks_ignored: int = 0
    clock_outcomes: int = 0
    dead_letters: Counter[DeadLetterReason] = field(default_factory=Counter)
    clock_events: Counter[tuple[str, ClockEvent]] = field(default_factory=Counter)

    def add(self, other: Self) -> None:
        """Add what another batch of the same stage counted."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
