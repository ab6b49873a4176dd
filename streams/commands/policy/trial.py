"""Runs reports through one set of policies: the stages of a worker that reports go through, without Kafka."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from streams.contract.events.escalation import Escalation
from streams.contract.wire.forms.stamped_reports import STAMPED_REPORTS
from streams.contract.wire.records import DetachedRecord, OutputRecord, SourceRecord
from streams.contract.wire.times import DAY, moment_ms
from streams.contract.wire.topics import (
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    MESSAGE_REPORTS_INTERNAL,
    REPORTERS_INTERNAL,
)
from streams.deciding.partition.hash_key import HashKeys
from streams.deciding.partition.settings import MOST_DUPLICATES, PartitionSettings
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.counters import ReportCounters
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.desk.text.record_text import escalation_grounds
from streams.registry.policy import LEGAL_CLOCK, RANDOM_SAMPLE
from streams.registry.rules import Rules

_decode = msgspec.json.Decoder(Escalation).decode

# A partition of the gate that is no channel's home: it passes every report on.
_NO_HOME: Final = -1


@dataclass(slots=True)
class OpenedEpisode:
    """An episode that opened; `level` is the highest it reached, `grounds` says why it opened."""

    policy: str
    channel: str
    opened_at: str
    grounds: str
    level: int


class Trial:
    """Evaluates reports with `rules` and keeps the episodes that open at or after `since` (RFC 3339).

    All partitions are treated as one and share one time: that of the newest report anywhere. Reporters are
    known by their reports alone, because no outcomes are read. `counters` are those of the stage of reports,
    with the duplicates and dead letters of the stage of reporters; `first` and `last` are the earliest and
    latest occurred_at (ms since the epoch) of the reports applied. No desk answers, so none is asked: levels
    are those that the counts reach, and `asked` has the live policy of each episode about which one would be.
    """

    def __init__(self, rules: Rules, settings: PartitionSettings, since: str, hash_keys: HashKeys) -> None:
        if rules.ask is not None:
            rules = replace(rules, ask=replace(rules.ask, mode="shadow"))
        self.rules = rules
        self.asked: dict[str, str] = {}
        self.episodes: dict[str, OpenedEpisode] = {}
        self.counters = ReportCounters()
        self.first: int | None = None
        self.last: int | None = None
        compiled = compile_report_rules(rules, settings=settings, hash_keys=hash_keys)
        self._stage = report_stage(compiled)
        self._gate = self._stage.restore(_NO_HOME, 1)
        self._state = self._stage.restore(0, 1)
        self._reporters = reporter_stage(
            compile_reporter_rules(rules, settings=settings, hash_key=hash_keys.current)
        )
        self._reporters_state = self._reporters.restore(0, 1)
        self._since = since

    @property
    def days(self) -> float:
        """How many days the episodes that are kept can have opened in."""
        if self.first is None or self.last is None:
            return 0.0
        since = moment_ms(self._since)
        return max(self.last - max(self.first, since), 0) / DAY

    def apply(self, records: Sequence[SourceRecord]) -> None:
        """Evaluate records in order; how they are split over calls does not change the result."""
        batch = self._stage.apply(self._state, self._brought_home(records))
        self.counters.add(batch.counters)
        # No outcomes are read, so no clock would ever end; each would take 3 KB until the last report.
        for key, _ in list(self._state.clocks):
            self._state.remove_clock(key)
        if batch.event_times:
            first, last = min(batch.event_times), max(batch.event_times)
            self.first = first if self.first is None else min(first, self.first)
            self.last = last if self.last is None else max(last, self.last)
        for topic, _, _, value, _ in batch.outputs:
            if topic in (ESCALATIONS, ESCALATIONS_SHADOW):
                self._note(value)

    def _brought_home(self, records: Sequence[SourceRecord]) -> list[DetachedRecord]:
        """Return the reports as they reach the homes of their channels, in their order, with their stamps."""
        gate = self._stage.apply(self._gate, records)
        self.counters.add(gate.counters)
        passed_on = [_read(row) for row in gate.outputs if row.topic == REPORTERS_INTERNAL]
        stamping = self._reporters.apply(self._reporters_state, passed_on)
        self.counters.duplicates += stamping.counters.duplicates
        self.counters.dead_letters.update(stamping.counters.dead_letters)
        order = {(record.topic, record.partition, record.offset): n for n, record in enumerate(records)}
        entries = [
            entry
            for row in (*gate.outputs, *stamping.outputs)
            if row.topic == MESSAGE_REPORTS_INTERNAL
            for entry in STAMPED_REPORTS.read(_read(row)).entries
        ]
        entries.sort(key=lambda entry: order[entry.report.topic, entry.report.partition, entry.report.offset])
        return [_read(STAMPED_REPORTS.record(0, 1, entries))]

    def _note(self, value: bytes | None) -> None:
        event = _decode(value or b"")
        if event.policy in (LEGAL_CLOCK, RANDOM_SAMPLE):
            # No policy decides on these, and without outcomes all legal clocks would lapse.
            return
        question = event.question
        if event.mode == "live" and event.at >= self._since and question is not msgspec.UNSET:
            self.asked.setdefault(event.escalation_id, event.policy)
        if event.type == "opened" and event.at >= self._since:
            self.episodes[event.escalation_id] = OpenedEpisode(
                event.policy, event.channel_ref, event.at, escalation_grounds(event), event.level
            )
        elif event.type == "updated" and (episode := self.episodes.get(event.escalation_id)):
            episode.level = event.level


def as_one_partition(each: PartitionSettings, partitions: int) -> PartitionSettings:
    """The settings for a trial, which runs as one partition and takes and remembers as much as all."""
    return replace(
        each,
        duplicates_most=min(each.duplicates_most * partitions, MOST_DUPLICATES),
        new_reporters_per_hour=each.new_reporters_per_hour * partitions,
        new_channels_per_hour=each.new_channels_per_hour * partitions,
        new_messages_per_hour=each.new_messages_per_hour * partitions,
    )


def _read(row: OutputRecord) -> DetachedRecord:
    """Return a record of an internal topic as its reader gets it; its place there does not matter."""
    return DetachedRecord(row.topic, 0, 0, 0, row.key, row.value, row.headers)
