"""Inputs from which the search of native/search.py begins: what passes between the stages in a random history, and
what these store.

`python -m tests.native.fuzz_inputs FOLDER` writes a folder for each target of native/fuzz/src/lib.rs.
"""

import random
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streams.contract.wire.forms.report_bundles import PASSED_REPORTS, STAMPED_REPORTS
from streams.contract.wire.topics import REPORTERS_INTERNAL
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.deciding.partition.limits import UNLIMITED, Limits
from streams.deciding.reporters.part import PART
from streams.deciding.reporters.reporter import REPORTER
from streams.deciding.reports.crowd import CHANNEL_ARRIVALS, MESSAGE_CLUSTERS, MESSAGE_REPORTERS
from streams.registry.loader import load_rules
from streams.running.patches.unpacking import RECORDS_AT
from tests.bench import traffic
from tests.bench.place import ONE_TOPIC
from tests.native.any_stamps import with_any_stamps
from tests.native.both_cores import BothCores, BothStages
from tests.native.fuzz import BEGIN_MS, Publishers, any_decision
from tests.unit.traffic import Record

_SEEDS: Final = range(5)
_RECORDS: Final = 500
_BATCH: Final = 100
# Many more of a kind only make the search slow to begin.
_MOST: Final = 150
# Version in front and day of expiry behind are no part of what a target reads.
_STATE: Final = {
    REPORTER: "state_reporter",
    PART: "state_part",
    MESSAGE_REPORTERS: "state_message",
    MESSAGE_CLUSTERS: "state_clusters",
    CHANNEL_ARRIVALS: "state_arrivals",
    CHANNEL_COUNTS: "state_counts",
}
_DAY: Final = 4
# `BYTES` of native/fuzz/src/numbers.rs.
_NUMBERS: Final = 96


class _Observed(BothCores):
    """Keeps what is passed on between the stages."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.passed: list[Record] = []
        self.stamped: list[Record] = []

    def _written(self, stage: BothStages, records: Any, limits: Limits, others: list[Any]) -> list[Any]:
        records = list(records)
        bundles = self.passed if stage is self.reporters else self.stamped
        bundles += [record for record in records if record.topic.endswith("-internal")]
        return super()._written(stage, records, limits, others)


def inputs(seed: int) -> Iterator[tuple[str, bytes]]:
    """Return inputs of one history, with the names of their targets."""
    chance = random.Random(seed)
    for report in traffic.usual(10, BEGIN_MS, 60_000, seed=seed):
        yield "report", report.value
    publishers = Publishers(chance, 0, 1)
    both = _Observed(load_rules(sources=ONE_TOPIC), cores=("python", "python"), arriving=with_any_stamps)
    for at in range(0, _RECORDS, _BATCH):
        batch = [publishers.record() for _ in range(_BATCH)]
        for record in batch[:10]:
            yield "report", record.value or b""
            yield "envelope", b"\n".join(map(_line, record.headers))
        yield "records", _unpacked(batch[:4])
        both.apply([*batch, any_decision(chance, publishers, at + 1)], publishers.clock_ms, UNLIMITED)
    for name, form, bundles in (
        ("passed", PASSED_REPORTS, both.passed),
        ("stamped", STAMPED_REPORTS, both.stamped),
    ):
        unread = form.unread()
        entries = [entry for one in bundles if form.is_bundle(one) for entry in unread.read(one).entries]
        for entry in chance.sample(entries, min(_MOST // len(_SEEDS), len(entries))):
            yield name, bytes(entry)
    for stage in (both.reports, both.reporters):
        written = [(key, value) for key, value in stage.stored[0].items() if value is not None]
        chance.shuffle(written)
        for key, value in written[:_MOST]:
            if name := _STATE.get(key[:1]):
                body = value[:-_DAY] if name == "state_counts" else value[1:-_DAY]
                yield name, chance.randbytes(_NUMBERS) + body
    for _ in range(20):
        yield "packed", chance.randbytes(8 * chance.randrange(1, 96))


def write(folder: Path) -> None:
    """Write inputs of each target, a file each."""
    written: dict[str, int] = {}
    for name, data in (one for seed in _SEEDS for one in inputs(seed)):
        number = written[name] = written.get(name, 0) + 1
        if number <= _MOST:
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / f"{number:03}").write_bytes(data)


def _unpacked(records: Iterable[Record]) -> bytes:
    """Return the records as they are in a batch that is not compressed."""
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 20)
    for number, record in enumerate(records):
        builder.append(number, record.timestamp, record.key, record.value, list(record.headers))
    return bytes(builder.build())[RECORDS_AT:]


def _line(header: tuple[str, bytes | None]) -> bytes:
    name, value = header
    return name.encode() if value is None else name.encode() + b"=" + value


if __name__ == "__main__":
    write(Path(sys.argv[1]))
