"""Both stages of reports and reporters, all partitions of them, as workers run them together."""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

import msgspec

from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.records import OutputRecord
from streams.deciding.partition.hash_key import DEMONSTRATION, HashKeys
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reporters.state import restore_reporters
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import restore_reports
from streams.registry.policy import Policy
from tests.unit.test_crowd_in_the_stage import rules_with
from tests.unit.traffic import SHIPPED, Record, fold, levels, policy

INTERNALS = ("message-reports-internal", "reporters-internal")
PARTITIONS = 3
HEADS = policy(levels=levels({"distinct_reporters": 3}, {"distinct_reporters": 15}))


class Deployment:
    """All partitions of both stages; what a stage writes to an internal topic is read at once, in order."""

    def __init__(
        self,
        integrity: str = "live",
        keys: HashKeys = DEMONSTRATION,
        policies: Sequence[Policy] = (HEADS,),
    ) -> None:
        self.integrity = integrity
        self.policies = policies
        self.outputs: list[OutputRecord] = []
        self.stored: list[tuple[bytes, bytes | None]] = []
        self.kept: dict[tuple[bool, int], dict[bytes, bytes]] = defaultdict(dict)
        self.offset = 0
        self.restart(keys)

    def restart(self, keys: HashKeys) -> None:
        """Restore all partitions, with these keys for reporters."""
        rules = rules_with(*self.policies, integrity=self.integrity, hash_keys=keys)
        trust = compile_reporter_rules(SHIPPED, hash_key=keys.current)
        numbers = range(PARTITIONS)
        self.reports = [restore_reports(n, PARTITIONS, rules, self.kept[False, n].items()) for n in numbers]
        self.reporters = [
            restore_reporters(n, PARTITIONS, trust, self.kept[True, n].items()) for n in numbers
        ]
        self.stages = (report_stage(rules), reporter_stage(trust))

    def publish(self, records: Iterable[Record]) -> list[OutputRecord]:
        """Publish records, each to any partition, and return the outputs for others."""
        begin = len(self.outputs)
        for record in records:
            waiting = deque([record._replace(partition=record.offset % PARTITIONS)])
            while waiting:
                waiting.extend(self._apply(waiting.popleft()))
        return self.outputs[begin:]

    def _apply(self, record: Record) -> list[Record]:
        reporters, partition = record.topic == "reporters-internal", record.partition
        state = self.reporters[partition] if reporters else self.reports[partition]
        batch = self.stages[reporters].apply(state, [record])
        written = batch.outputs
        self.stored += batch.changes.items()
        fold(self.kept[reporters, partition], batch.changes)
        self.outputs += [output for output in written if output.topic not in INTERNALS]
        found = []
        for output in written:
            if output.topic in INTERNALS:
                self.offset += 1
                home = home_partition(output.key or b"", PARTITIONS)
                number = home if output.partition is None else output.partition
                found.append(Record(output.topic, number, self.offset, record.timestamp, *output[2:]))
        return found


def of(outputs: list[OutputRecord], topic: str) -> list[dict]:
    return [msgspec.json.decode(output.value or b"") for output in outputs if output.topic == topic]
