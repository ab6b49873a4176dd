"""Judges what a partition applied by two sets of rules, with the stage that workers run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from streams.commands.backtest.findings import Findings
from streams.commands.backtest.order import ApplicationOrder, Logs
from streams.commands.backtest.verdicts import Verdict, verdict_in
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.contract.wire.forms.tick import ReadTick, encode_tick
from streams.contract.wire.origin import origin_of
from streams.contract.wire.records import DetachedRecord, SourceRecord
from streams.contract.wire.topics import MESSAGE_REPORTS_INTERNAL, MODERATION_OUTCOMES, without_prefix
from streams.deciding.partition.core import CoreName
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.stage import report_stage

# As many as fill two bundles: what a batch costs is spread over them, and their outputs take some megabytes.
_BATCH: Final = 2_000


class Sides(NamedTuple):
    """Two sets of rules, compiled: those in force, and those that may replace them."""

    in_force: ReportRules
    candidate: ReportRules


@dataclass(slots=True)
class Result:
    """What both sides made of reports, and what desks decided about channels in which either opened a case.

    `missing` and `switches` are as in ApplicationOrder; `by_time` is the number of reports that were applied
    in the order in which they arrived. `whole`: nothing was deleted yet.
    """

    in_force: Findings
    candidate: Findings
    verdicts: dict[str, list[Verdict]] = field(default_factory=dict)
    missing: int = 0
    by_time: int = 0
    switches: int = 0
    whole: bool = True

    def add(self, other: "Result") -> None:
        """Add what was found in another partition, in which other channels are at home."""
        self.in_force.add(other.in_force)
        self.candidate.add(other.candidate)
        self.verdicts |= other.verdicts
        self.missing += other.missing
        self.by_time += other.by_time
        self.switches += other.switches
        self.whole &= other.whole

    def notes(self) -> Iterator[str]:
        """Yield what was not there, or is otherwise than it was for workers."""
        if not self.whole:
            yield (
                "Older reports are deleted: windows are empty, and no case is open, at the first one that is "
                "kept."
            )
        if self.missing:
            yield f"{self.missing:,} reports that workers applied are deleted already, and are left out."
        if self.by_time:
            yield (
                f"{self.by_time:,} reports are not in enriched-reports (deleted, or not applied yet): they "
                "stand in the order in which they arrived."
            )
        if self.switches:
            yield "Rules changed within this time: all of it is judged by those in use now."


class _Side:
    def __init__(
        self, rules: ReportRules, core: CoreName, partition: int, partitions: int, since: str
    ) -> None:
        self.stage = report_stage(rules, core)
        self.state = self.stage.restore(partition, partitions)
        self.findings = Findings(since)

    def apply(self, records: list[SourceRecord]) -> None:
        self.findings.note(self.stage.apply(self.state, records))


def judge_partition(
    logs: Logs,
    partitions: int,
    sides: Sides,
    since: str,
    told: Callable[[int], None],
    core: CoreName = "python",
) -> Result:
    """Judge the logs of one of `partitions` by both sides, from an empty state on.

    `told` is called with the number of reports and decisions of each batch. Raises StageFailed for a record
    on which the code fails with one of the sets.
    """
    both = [_Side(rules, core, logs.partition, partitions, since) for rules in sides]
    homes = both[0].state.homes
    order = ApplicationOrder(logs)
    verdicts: dict[str, list[Verdict]] = {}
    for batch in _batches(order):
        if isinstance(batch, ReadTick):
            # As of how many were applied here: older ones may not be kept.
            for side in both:
                side.apply([_tick(batch, side.state.time.applied, logs.partition)])
            continue
        records = list(_records(batch, logs.partition, partitions))
        for side in both:
            side.apply(records)
        for record in records:
            if without_prefix(origin_of(record).topic) == MODERATION_OUTCOMES:
                verdict = verdict_in(record, sides.in_force.read_outcome)
                if verdict is not None and homes.of(verdict.channel)[1] == logs.partition:
                    verdicts.setdefault(verdict.channel, []).append(verdict)
        told(len(batch))
    concerned = {each.channel for side in both for each in side.findings.episodes.values()}
    in_force = both[0].findings
    return Result(
        in_force,
        both[1].findings,
        {channel: found for channel, found in verdicts.items() if channel in concerned},
        order.missing,
        max(0, in_force.counters.applied - order.ordered),
        order.switches,
        logs.whole,
    )


def _batches(order: ApplicationOrder) -> Iterator[ReadTick | list[msgspec.Raw | SourceRecord]]:
    """Yield what is applied together; a tick stands alone: it names how many were applied before it."""
    batch: list[msgspec.Raw | SourceRecord] = []
    for step in order:
        if isinstance(step, ReadTick):
            if batch:
                yield batch
                batch = []
            yield step
            continue
        batch.append(step)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _records(
    batch: list[msgspec.Raw | SourceRecord], partition: int, partitions: int
) -> Iterator[SourceRecord]:
    """Yield records, with entries that follow each other in a bundle again."""
    entries: list[msgspec.Raw] = []
    for step in batch:
        if isinstance(step, msgspec.Raw):
            entries.append(step)
            continue
        if entries:
            yield _bundle(entries, partition, partitions)
            entries = []
        yield step
    if entries:
        yield _bundle(entries, partition, partitions)


def _bundle(entries: list[msgspec.Raw], partition: int, partitions: int) -> SourceRecord:
    # Its reader takes encoded entries for what they are.
    _, _, key, value, headers = STAMPED_REPORTS.record(partition, partitions, entries)  # type: ignore[arg-type]
    return DetachedRecord(MESSAGE_REPORTS_INTERNAL, partition, 0, 0, key, value, headers)


def _tick(tick: ReadTick, applied: int, partition: int) -> SourceRecord:
    value, headers = encode_tick(applied, tick.appended)
    return DetachedRecord(MESSAGE_REPORTS_INTERNAL, partition, 0, tick.appended, None, value, headers)
