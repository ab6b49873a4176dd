"""Runs reports of a file through one set of rules: the stages that reports go through, without Kafka."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from streams.commands.backtest.findings import Findings, Judged
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.contract.wire.records import DetachedRecord, OutputRecord, SourceRecord
from streams.contract.wire.topics import MESSAGE_REPORTS_INTERNAL, REPORTERS_INTERNAL
from streams.deciding.partition.hash_key import HashKeys
from streams.deciding.partition.settings import MOST_DUPLICATES, PartitionSettings
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.registry.rules import Rules

# A partition of the gate that is no channel's home: it passes every report on.
_NO_HOME: Final = -1


class Trial:
    """Evaluates reports with `rules`; `findings` are those since `since` (RFC 3339).

    All reports are of one partition. Reporters are known by their reports alone, because a file has no
    outcomes. The counters also have the duplicates and dead letters of the stage of reporters. No desk
    answers, so none is asked: levels are those that the counts reach. Nor would a clock end, so none is kept.
    """

    def __init__(self, rules: Rules, settings: PartitionSettings, since: str, hash_keys: HashKeys) -> None:
        if rules.ask is not None:
            rules = replace(rules, ask=replace(rules.ask, mode="shadow"))
        self.rules = rules
        self.findings = Findings(since)
        compiled = compile_report_rules(rules, settings=settings, hash_keys=hash_keys)
        self._stage = report_stage(replace(compiled, cases_alone=True))
        self._gate = self._stage.restore(_NO_HOME, 1)
        self._state = self._stage.restore(0, 1)
        self._reporters = reporter_stage(
            compile_reporter_rules(rules, settings=settings, hash_key=hash_keys.current)
        )
        self._reporters_state = self._reporters.restore(0, 1)

    @property
    def judged(self) -> Judged:
        """The rules and what was found so far."""
        return Judged(self.rules, self.findings)

    def apply(self, records: Sequence[SourceRecord]) -> None:
        """Evaluate records in order; how they are split over calls does not change the result."""
        self.findings.note(self._stage.apply(self._state, self._brought_home(records)))
        # Each clock would take 3 KB until the last report.
        for key, _ in list(self._state.clocks):
            self._state.remove_clock(key)
        self.findings.clocks.clear()

    def _brought_home(self, records: Sequence[SourceRecord]) -> list[DetachedRecord]:
        """Return the reports as they reach the homes of their channels, in their order, with their stamps."""
        counters = self.findings.counters
        gate = self._stage.apply(self._gate, records)
        counters.add(gate.counters)
        passed_on = [_read(row) for row in gate.outputs if row.topic == REPORTERS_INTERNAL]
        stamping = self._reporters.apply(self._reporters_state, passed_on)
        counters.duplicates += stamping.counters.duplicates
        counters.dead_letters.update(stamping.counters.dead_letters)
        order = {(record.topic, record.partition, record.offset): n for n, record in enumerate(records)}
        entries = [
            entry
            for row in (*gate.outputs, *stamping.outputs)
            if row.topic == MESSAGE_REPORTS_INTERNAL
            for entry in STAMPED_REPORTS.read(_read(row)).entries
        ]
        entries.sort(key=lambda entry: order[entry.report.topic, entry.report.partition, entry.report.offset])
        return [_read(STAMPED_REPORTS.record(0, 1, entries))]


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
