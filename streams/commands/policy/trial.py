"""What one set of policies makes of reports: the core of the worker, without topics."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from streams.commands.shared.record_text import escalation_grounds
from streams.events.escalation import Escalation
from streams.registry.rules import LEGAL_CLOCK, Rules
from streams.reports.counters import ReportCounters
from streams.reports.rules import compile_report_rules
from streams.reports.stage import report_stage
from streams.wire.records import SourceRecord
from streams.wire.topics import ESCALATIONS, ESCALATIONS_SHADOW

_decode = msgspec.json.Decoder(Escalation).decode


@dataclass(slots=True)
class Episode:
    """An episode that opened; `level` is the highest that it came to, `grounds` are those of its opening."""

    policy: str
    channel: str
    opened_at: str
    grounds: str
    level: int


class Trial:
    """Judges reports by `rules`, and keeps the episodes that open at `since` (RFC 3339, as events have it) or later.

    All partitions are judged as one, so that their time is one: that of the newest report anywhere. `counters` are those
    of the core's outcomes, `first` and `last` the bounds of occurred_at (ms since the epoch) of the reports applied.
    """

    def __init__(self, rules: Rules, duplicates_remembered: int, since: str) -> None:
        self.rules = rules
        self.episodes: dict[str, Episode] = {}
        self.counters = ReportCounters()
        self.first: int | None = None
        self.last: int | None = None
        # Whatever a flood of bad records was, it is over: it stopped the worker then, or was let through.
        compiled = compile_report_rules(
            rules, dead_letter_breaker=False, duplicates_remembered=duplicates_remembered
        )
        self._stage = report_stage(compiled)
        self._state = self._stage.restore(0, 1)
        self._since = since

    def apply(self, records: Sequence[SourceRecord]) -> None:
        """Judge records in their order, however they are cut into calls."""
        batch = self._stage.apply(self._state, records)
        self.counters.add(batch.counters)
        # None ends here, as no outcomes are read, and each would take 3 KB until the last report.
        for key, _ in list(self._state.clocks):
            self._state.remove_clock(key)
        if batch.event_times:
            first, last = min(batch.event_times), max(batch.event_times)
            self.first = first if self.first is None else min(first, self.first)
            self.last = last if self.last is None else max(last, self.last)
        for topic, _, _, value, _ in batch.outputs:
            if topic in (ESCALATIONS, ESCALATIONS_SHADOW):
                self._note(value)

    def _note(self, value: bytes | None) -> None:
        event = _decode(value or b"")
        if event.policy == LEGAL_CLOCK:
            # No policy decides on these, and without the outcomes of then all of them would lapse.
            return
        if event.type == "opened" and event.at >= self._since:
            self.episodes[event.escalation_id] = Episode(
                event.policy, event.channel_ref, event.at, escalation_grounds(event), event.level
            )
        elif event.type == "updated" and (episode := self.episodes.get(event.escalation_id)):
            episode.level = event.level
