"""Runs reports through the stage of reports, that of reporters, and that of reports again, as workers do."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

from streams.contract.events.internal.credit import CreditedOutcome, ReporterCredit
from streams.contract.wire.forms.credit import CREDITS, credit_record
from streams.contract.wire.forms.tick import encode_tick
from streams.contract.wire.records import OutputRecord
from streams.deciding.partition.batch import Batch
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.reporters.rules import ReporterStageRules, compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reporters.state import ReporterState
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from streams.registry.reporter_rules import ReporterRules
from tests import bundled
from tests.unit.traffic import INTERNAL as REPORTS_INTERNAL
from tests.unit.traffic import SHIPPED, START, Record, compiled, report

INTERNAL = "reporters-internal"
KEY = DEMONSTRATION.current
GATE = compiled()
RULES = compile_reporter_rules(SHIPPED)
STAGE = reporter_stage(RULES)


def rules_with(**changes: Any) -> ReporterStageRules:
    """The rules with other limits of reporters."""
    trust: ReporterRules = dataclasses.replace(SHIPPED.reporters, **changes)
    return compile_reporter_rules(dataclasses.replace(SHIPPED, reporters=trust))


def key_of(ref: str) -> bytes:
    """The key of a reporter's records."""
    return b"%016x" % KEY.reporter_hash(ref)


def read_back(
    outputs: Iterable[OutputRecord], topic: str, appended: int = START, offset: int = 0
) -> list[Record]:
    """What was written to a topic, as it is read from it, with offsets from `offset` on."""
    found = [output for output in outputs if output.topic == topic]
    return [
        Record(topic, output.partition or 0, offset + number, appended, *output[2:])
        for number, output in enumerate(found)
    ]


def gate(records: Iterable[Record], state: Any = None) -> Batch:
    """Apply published reports in the stage of reports."""
    return report_stage(GATE).apply(state or ReportState(0, 1, GATE), list(records))


def passed(number: int, time: int, ref: str = "u", offset: int | None = None, **fields: Any) -> Record:
    """A report of a reporter as it is in the internal topic of reporters."""
    reporter = {"kind": "user", "ref": ref, **fields.pop("reporter", {})}
    published = report(number, time, reporter=reporter, **fields)
    (record,) = read_back(gate([published]).outputs, INTERNAL, time, number if offset is None else offset)
    return record


def credit(
    number: int,
    time: int,
    ref: str = "u",
    decision: Any = "upheld",
    removed: Any = None,
    message: str = "m",
    channel: str = "c",
    percent: int = 100,
    category: Any = "spam",
    reviewer: int = 0,
) -> Record:
    """A credit for a report of `ref` about a message, decided at `time` by `reviewer` alone.

    `removed` is an earlier decision's.
    """
    day = time // 86_400_000
    before = None if removed is None else CreditedOutcome(day, removed, category, percent, reviewer=reviewer)
    entry = ReporterCredit(
        reporter=KEY.reporter_hash(ref),
        target=KEY.target_hash(channel, message),
        received_s=time // 1000 - 60,
        decided_s=time // 1000,
        decision=decision,
        removed=before,
        added=CreditedOutcome(day, decision, category, percent, reviewer=reviewer),
        decided_by=reviewer,
    )
    written = CREDITS.record(0, 1, [entry])
    return Record(INTERNAL, 0, number, time, *written[2:])


def as_a_record(bundle: Record) -> Record:
    """A bundle with one credit as the record that version 0.2 wrote."""
    (entry,) = bundled.credits_in([bundle])
    was = credit_record(entry, bundle)
    return bundle._replace(key=was.key, value=was.value, headers=was.headers)


def reporter_tick(after: int, appended: int, offset: int = 0) -> Record:
    """A tick of the stage of reporters."""
    value, headers = encode_tick(after, appended)
    return Record(INTERNAL, 0, offset, appended, None, value, headers)


def new_state(rules: ReporterStageRules = RULES, partition: int = 0, partitions: int = 1) -> ReporterState:
    """An empty state."""
    return ReporterState(partition, partitions, rules)


def stamp_all(records: Iterable[Record], state: ReporterState | None = None) -> Batch:
    """Apply records in the stage of reporters."""
    return STAGE.apply(new_state() if state is None else state, list(records))


class Pipeline:
    """The stages of reports and of reporters in one partition, with what they pass to each other.

    `outputs` are what they wrote for others, by topic.
    """

    def __init__(self, rules: ReportRules) -> None:
        self._reports, self._channels = report_stage(rules), ReportState(0, 1, rules)
        self._reporters = new_state()
        self.outputs: dict[str, list[OutputRecord]] = defaultdict(list)
        self._offsets: Counter[str] = Counter()

    def apply(self, records: Iterable[Any], appended: int) -> None:
        """Apply published records, and what follows from them, all appended at `appended`."""
        while records:
            passed = self._written(self._reports, self._channels, self._read(records, appended))
            read = self._read(passed[INTERNAL], appended)
            records = self._written(STAGE, self._reporters, read)[REPORTS_INTERNAL]

    def events(self, topic: str) -> list[Any]:
        """The values of a topic."""
        return [msgspec.json.decode(output.value or b"") for output in self.outputs[topic]]

    def _read(self, rows: Iterable[Any], appended: int) -> list[Record]:
        found = []
        for row in rows:
            self._offsets[row.topic] += 1
            place = row.topic, 0, self._offsets[row.topic], appended
            found.append(Record(*place, row.key, row.value, list(row.headers)))
        return found

    def _written(self, stage: Any, state: Any, records: list[Record]) -> dict[str, list[OutputRecord]]:
        by_topic = defaultdict(list)
        for output in stage.apply(state, records).outputs:
            by_topic[output.topic].append(output)
        for topic, outputs in by_topic.items():
            if topic not in (INTERNAL, REPORTS_INTERNAL):
                self.outputs[topic] += outputs
        return by_topic
