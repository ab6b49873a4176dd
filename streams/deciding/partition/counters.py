"""Counters of a batch, for metrics. An unknown counter is a type error."""

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Final, Self

from streams.contract.events.dead_letter import DeadLetterReason
from streams.deciding.clocks.life import ClockEvent

OTHER_PUBLISHER: Final = "other"
"""Of a refused report: its publisher is not listed, or cannot be read."""


@dataclass(slots=True)
class PartitionCounters:
    """The counters of every stage. `clock_events` counts by obligation and event.

    A change of rules is ignored if a later one is in force, and refused if open cases need categories that
    the new rules do not have.

    `refused_reports` counts the dead letters of reports by publisher: a listed `ce_source`, or `other`.
    """

    applied: int = 0
    duplicates: int = 0
    rekeyed: int = 0
    ticks_honoured: int = 0
    ticks_ignored: int = 0
    time_corrected: int = 0
    corrections_ignored: int = 0
    rules_switched: int = 0
    switches_ignored: int = 0
    switches_refused: int = 0
    clock_outcomes: int = 0
    dead_letters: Counter[DeadLetterReason] = field(default_factory=Counter)
    refused_reports: Counter[str] = field(default_factory=Counter)
    clock_events: Counter[tuple[str, ClockEvent]] = field(default_factory=Counter)

    def add(self, other: Self) -> None:
        """Add the counters of another batch of the same stage."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
