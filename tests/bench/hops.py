"""The way of reports through the stages of one worker, in this process and without a broker.

Gate: the stage of reports where a report was published, which checks it and passes it on. Stamp: the stage of
reporters. Home: the stage of reports where the channel is at home, which counts and judges. Produce: making
record batches of everything that the three write.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from aiokafka.producer.message_accumulator import BatchBuilder

from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.topics import MESSAGE_REPORTS_INTERNAL, REPORTERS_INTERNAL
from streams.deciding.partition.core import CoreName
from streams.deciding.reporters.rules import ReporterStageRules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.stage import report_stage
from streams.running.log.connection import BATCH_BYTES
from tests.bench.place import PARTITIONS, SOURCE
from tests.bench.traffic import Report

HOPS = ("gate", "stamp", "home", "produce")
# The records of one partition in a cycle of a busy worker.
BATCH = 5_000


class Record(NamedTuple):
    """A fetched record with the fields that the stages read."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Way:
    """Reports on their way through the partitions of one worker. `appended` is their append time (ms).

    `arrived` are the records that the homes applied, by partition, in the batches in which they did.
    """

    def __init__(
        self,
        reports: Iterable[Report],
        appended: int,
        rules: ReportRules,
        reporter_rules: ReporterStageRules,
        core: CoreName = "python",
    ) -> None:
        self.arrived: list[tuple[int, list[Record]]] = []
        self.cpu = dict.fromkeys(HOPS, 0.0)
        self._appended = appended
        self._logs: dict[tuple[str, int], list[Record]] = defaultdict(list)
        for report in reports:
            self._append(SOURCE, home_partition(report.key, PARTITIONS), *report)
        self._reports, self._reporters = report_stage(rules, core), reporter_stage(reporter_rules, core)
        self._states = [self._reports.restore(number, PARTITIONS) for number in range(PARTITIONS)]
        self._reporters_states = [self._reporters.restore(number, PARTITIONS) for number in range(PARTITIONS)]

    def go(self, at_home: AbstractContextManager[Any] | None = None) -> Mapping[str, float]:
        """Take all reports home and return the CPU seconds of each hop; `at_home` is entered for the last."""
        hops = (
            ("gate", SOURCE, self._reports, self._states),
            ("home", MESSAGE_REPORTS_INTERNAL, self._reports, self._states),
            ("stamp", REPORTERS_INTERNAL, self._reporters, self._reporters_states),
        )
        applied: dict[tuple[str, int], int] = defaultdict(int)
        went_on = True
        while went_on:
            went_on = False
            for partition in range(PARTITIONS):
                for hop, topic, stage, states in hops:
                    place = topic, partition
                    records = self._logs[place][applied[place] :][:BATCH]
                    if not records:
                        continue
                    went_on = True
                    applied[place] += len(records)
                    if hop == "home":
                        self.arrived.append((partition, records))
                    with (at_home if hop == "home" else None) or nullcontext():
                        began = time.process_time()
                        batch = stage.apply(states[partition], records)
                        self.cpu[hop] += time.process_time() - began
                    assert batch.finished_records == len(records)
                    self._produce(batch.outputs, partition)
        return self.cpu

    def _produce(self, outputs: Sequence[OutputRecord], partition: int) -> None:
        self.cpu["produce"] += produce(outputs)
        for topic, number, key, value, headers in outputs:
            if topic in (MESSAGE_REPORTS_INTERNAL, REPORTERS_INTERNAL):
                self._append(topic, partition if number is None else number, key, value, headers)

    def _append(self, topic: str, partition: int, key: Any, value: Any, headers: Any) -> None:
        log = self._logs[topic, partition]
        log.append(Record(topic, partition, len(log), self._appended, key, value, headers))


def produce(outputs: Iterable[OutputRecord]) -> float:
    """CPU seconds for writing outputs into record batches as the producer does, before they are compressed."""
    began = time.process_time()
    logs = defaultdict(list)
    for output in outputs:
        logs[output.topic, output.partition].append(output)
    for log in logs.values():
        builder = BatchBuilder(BATCH_BYTES, 0, is_transactional=True)
        for output in log:
            row = {"timestamp": 0, "key": output.key, "value": output.value, "headers": output.headers}
            while builder.append(**row) is None:
                builder._build()
                builder = BatchBuilder(BATCH_BYTES, 0, is_transactional=True)
        builder._build()
    return time.process_time() - began
