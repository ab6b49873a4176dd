"""What came of reports under one set of rules: episodes, questions to desks, and legal clocks."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from streams.contract.events.escalation import Escalation, PolicyMode
from streams.contract.events.routing import Gate
from streams.contract.wire.times import DAY, moment_ms
from streams.contract.wire.topics import ESCALATIONS, ESCALATIONS_SHADOW
from streams.deciding.partition.batch import Batch
from streams.deciding.reports.counters import ReportCounters
from streams.desk.text.record_text import escalation_grounds
from streams.registry.policy import LEGAL_CLOCK, RANDOM_SAMPLE, Policy
from streams.registry.rules import Rules

_decode = msgspec.json.Decoder(Escalation).decode


@dataclass(frozen=True, slots=True)
class Measured:
    """A condition of the level that was reached: the measure, its value then, and the threshold."""

    measure: str
    value: float
    comparison: str
    threshold: float


@dataclass(slots=True)
class OpenedEpisode:
    """An episode that opened; `level` is the highest it reached, `grounds` says why it opened.

    `conditions` are those of the highest level when it was reached. `gate` is what must happen before
    anybody acts.
    """

    policy: str
    channel: str
    opened_at: str
    grounds: str
    level: int
    mode: PolicyMode
    gate: Gate
    conditions: tuple[Measured, ...]


@dataclass(slots=True)
class Findings:
    """What one set of rules made of reports; episodes are those that opened at or after `since` (RFC 3339).

    `asked` has the live policy of each episode about which a desk was asked, or would have been. `clocks`
    counts the steps of legal clocks since then by duty. `first` and `last` are the earliest and latest
    occurred_at (ms since the epoch) of the reports applied.
    """

    since: str
    episodes: dict[str, OpenedEpisode] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    clocks: Counter[tuple[str, str]] = field(default_factory=Counter)
    counters: ReportCounters = field(default_factory=ReportCounters)
    first: int | None = None
    last: int | None = None

    @property
    def days(self) -> float:
        """How many days the episodes that are kept can have opened in."""
        if self.first is None or self.last is None:
            return 0.0
        return max(self.last - max(self.first, moment_ms(self.since)), 0) / DAY

    def note(self, batch: Batch[Any, Any, ReportCounters]) -> None:
        """Add what a batch of the stage of reports has led to."""
        self.counters.add(batch.counters)
        if batch.event_times:
            self._reach(min(batch.event_times), max(batch.event_times))
        for topic, _, _, value, _ in batch.outputs:
            if topic in (ESCALATIONS, ESCALATIONS_SHADOW):
                event = _decode(value or b"")
                if event.policy == LEGAL_CLOCK:
                    self._note_clock(event)
                elif event.policy != RANDOM_SAMPLE:
                    self._note_episode(event)

    def add(self, other: "Findings") -> None:
        """Add what was found in another partition."""
        self.episodes |= other.episodes
        self.asked |= other.asked
        self.clocks.update(other.clocks)
        self.counters.add(other.counters)
        if other.first is not None and other.last is not None:
            self._reach(other.first, other.last)

    def _reach(self, first: int, last: int) -> None:
        self.first = first if self.first is None else min(first, self.first)
        self.last = last if self.last is None else max(last, self.last)

    def _note_clock(self, event: Escalation) -> None:
        clock = event.clock
        if clock is not None and event.at >= self.since:
            self.clocks[clock.obligation, event.reason.removeprefix("clock_")] += 1

    def _note_episode(self, event: Escalation) -> None:
        question = event.question
        if event.mode == "live" and event.at >= self.since and question is not msgspec.UNSET:
            self.asked.setdefault(event.escalation_id, event.policy)
        if event.type == "opened" and event.at >= self.since:
            self.episodes[event.escalation_id] = OpenedEpisode(
                event.policy,
                event.channel_ref,
                event.at,
                escalation_grounds(event),
                event.level,
                event.mode,
                event.rule_of_law.decision,
                _measured(event),
            )
        elif event.type == "updated" and (episode := self.episodes.get(event.escalation_id)):
            if event.level > episode.level:
                episode.conditions = _measured(event)
            episode.level = event.level


class Judged(NamedTuple):
    """A set of rules, and what it made of reports."""

    rules: Rules
    findings: Findings

    @property
    def policies(self) -> Mapping[str, Policy]:
        """All policies by their ids, also those that are off."""
        return {policy.id: policy for policy in self.rules.policies}


def _measured(event: Escalation) -> tuple[Measured, ...]:
    return tuple(
        Measured(each.measure, each.value, each.comparison or ">=", each.threshold)
        for each in event.conditions
    )
