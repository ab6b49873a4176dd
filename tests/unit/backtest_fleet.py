"""A fleet in memory that applies its logs in any interleaving, and what it wrote: logs for back-tests."""

import random
from collections import defaultdict
from collections.abc import Sequence

from msgspec import Raw, json

from streams.commands.backtest.order import Logs
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.records import OutputRecord
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.stage import report_stage
from tests.unit.crowd_traffic import outcome
from tests.unit.traffic import INTERNAL, MINUTE, START, Record, report

PARTITIONS = 2
SOURCES = ("message-reports", "verified-reports", "moderation-outcomes", "clock-outcomes")
REPORTERS = "reporters-internal"
ENRICHED = "enriched-reports"
DECISIONS = ("upheld", "dismissed", "manifestly_unfounded")


class BacktestFleet:
    """Both stages of two partitions. `logs` are by topic and partition, `applied` as each home applied them."""

    def __init__(self, rules: ReportRules, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = START
        self.logs: dict[tuple[str, int], list[Record]] = defaultdict(list)
        self.outputs: dict[int, list[OutputRecord]] = defaultdict(list)
        self._read: dict[tuple[str, int], int] = defaultdict(int)
        self._reports = report_stage(rules)
        self._reporters = reporter_stage(compile_reporter_rules(rules.registry))
        numbers = range(PARTITIONS)
        self.states = [self._reports.restore(number, PARTITIONS) for number in numbers]
        self._known = [self._reporters.restore(number, PARTITIONS) for number in numbers]

    def append(self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers) -> None:
        log = self.logs[topic, partition]
        self.clock += self.random.randrange(3)
        log.append(Record(topic, partition, len(log), self.clock, key, value, headers))

    def publish(self, record: Record) -> None:
        """Append a record of a publisher to any partition of its topic."""
        partition = self.random.randrange(PARTITIONS)
        self.append(record.topic, partition, record.key, record.value, record.headers)

    def apply(self, topic: str, partition: int, most: int) -> None:
        """Let the owner of a partition apply some records of a topic."""
        place = topic, partition
        records = self.logs[place][self._read[place] :][:most]
        if not records:
            return
        self._read[place] += len(records)
        if topic == REPORTERS:
            batch = self._reporters.apply(self._known[partition], records)
        else:
            batch = self._reports.apply(self.states[partition], records)
            self.outputs[partition] += [each for each in batch.outputs if each.topic != INTERNAL]
        for each in batch.outputs:
            number = each.partition
            if number is None:
                number = home_partition(each.key or b"", PARTITIONS)
            self.append(each.topic, number, each.key, each.value, each.headers)

    def tick(self, partition: int) -> None:
        """Append a tick if something is due."""
        written = self._reports.tick(self.states[partition], self.clock)
        if written is not None:
            self.append(INTERNAL, partition, None, written.value, written.headers)

    def run(self, steps: int, channels: Sequence[str], duplicates: bool = True) -> None:
        """Publish, apply and wait at random, and in the end apply all."""
        draw = self.random
        for number in range(steps):
            kind = draw.random()
            if kind < 0.45:
                for part in range(draw.randrange(1, 5)):
                    self._report(10 * number + part, draw.choice(channels), duplicates=duplicates)
            elif kind < 0.6:
                about = draw.choice(channels)
                record = outcome(
                    number, draw.choice(DECISIONS), self.clock, message=f"m{draw.randrange(3)}", channel=about
                )
                self.publish(record)
            elif kind < 0.7:
                self.clock += draw.choice((1, 7, 45, 200)) * MINUTE
                self.tick(draw.randrange(PARTITIONS))
            else:
                # Often enough that most is applied soon, and seldom enough that something always waits.
                for _ in range(draw.randrange(25)):
                    self._apply_some()
        while any(len(log) > self._read[place] for place, log in self.logs.items() if _is_read(place[0])):
            self._apply_some()

    def _apply_some(self) -> None:
        topics = (*SOURCES, INTERNAL, INTERNAL, REPORTERS, REPORTERS)
        self.apply(
            self.random.choice(topics), self.random.randrange(PARTITIONS), self.random.choice((1, 3, 50))
        )

    def _report(self, number: int, channel: str, *, duplicates: bool) -> None:
        draw = self.random
        if duplicates and number and draw.random() < 0.1:
            number = draw.randrange(number)
        who = draw.random()
        fields = {"message_ref": f"m{draw.randrange(3)}", "reporter": {"kind": "anonymous"}}
        if who < 0.6:
            fields["reporter"] = {"kind": "user", "ref": f"u{draw.randrange(12)}"}
        elif who < 0.7:
            fields |= {"kind": "automated_detection", "reporter": {"kind": "automated", "ref": None}}
        record = report(number, self.clock - draw.randrange(20) * MINUTE, channel=channel, **fields)
        kind = draw.random()
        if kind < 0.05:
            record = record._replace(value=b"[]")
        elif kind < 0.2:
            event = {
                "specversion": "1.0",
                "id": f"r{number}",
                "source": "/app",
                "type": "tocsin.report.v1",
                "data": Raw(record.value),
            }
            headers = [("content-type", b"application/cloudevents+json")]
            record = record._replace(value=json.encode(event), headers=headers)
        self.publish(record)

    def logs_of(self, partition: int, begin: int = 0) -> Logs:
        """What a back-test reads of a partition; `begin`: so many enriched reports were deleted."""
        return Logs(
            partition,
            self.logs[ENRICHED, partition][begin:],
            self.logs[INTERNAL, partition],
            {topic: self.logs[topic, partition] for topic in SOURCES[:2]},
            {"o": self.logs["moderation-outcomes", partition], "c": self.logs["clock-outcomes", partition]},
            begin == 0,
        )


def _is_read(topic: str) -> bool:
    return topic in (*SOURCES, INTERNAL, REPORTERS)
