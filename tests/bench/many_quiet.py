"""Fills one partition of the home of channels with quiet channels, in a process of its own and without a broker.

`python -m tests.bench.many_quiet CORE CHANNELS` prints as JSON what they take and how long the longest calls are,
filled by a report each; with `restore` behind it restored; then what reports take. With `reporters` behind it prints
what quiet reporters take. Times are CPU times of the thread: other programs add little to them.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import msgspec

from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.contract.wire.times import DAY
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.deciding.partition.core import CoreName
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.partition.limits import LIMITS
from streams.deciding.partition.settings import PartitionSettings
from streams.deciding.partition.stores import IN_PYTHON
from streams.deciding.reporters.reporter import Reporter, ReportFacts
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.state import state_key
from streams.deciding.reporters.store import keep, reporter_store
from streams.deciding.reports.crowd import CHANNEL_ARRIVALS, MESSAGE_REPORTERS
from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from streams.registry.loader import load_rules
from streams.running.app.allocator import keep_freed_memory
from streams.running.app.garbage_collection import leave_out_what_stays
from tests.bench import traffic
from tests.bench.hops import Record, Way
from tests.bench.place import ONE_TOPIC
from tests.categories import CODES
from tests.filled_worker import resident

BEGIN_MS = 1_800_000_000_000
# Reports of so many people in so many channels, of which each channel gets one.
TEMPLATES = 4_000
BATCH = 10_000
BUNDLE = 1_000
MESSAGES = 20
# Of the channels that are there, to measure what a report takes then.
REPORTS = 40_000
# Restored between two looks at the clock.
LOOKED_AT = 100
FEW_EXPIRE = 1_000

# As long as the refs that traffic.pseudonym makes.
_CHANNEL, _MESSAGE, _ID = b"c" * 32, b"m" * 32, b"r" * 12
_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835


def rules_of_reports() -> ReportRules:
    """The shipped rules, with room for any number of newcomers."""
    room = PartitionSettings(
        new_reporters_per_hour=1 << 40, new_channels_per_hour=1 << 40, new_messages_per_hour=1 << 40
    )
    return compile_report_rules(load_rules(sources=ONE_TOPIC), settings=room)


def templates(rules: ReportRules, day: int) -> list[bytes]:
    """Stamped reports with places to fill in, as they arrive at the home of their channel on a day."""
    begin = BEGIN_MS + day * DAY
    way = Way(
        traffic.all_new(TEMPLATES, begin, 1_000),
        begin + 1_000,
        rules,
        compile_reporter_rules(rules.registry),
    )
    way.go()
    made = []
    for _, records in way.arrived:
        for record in records:
            for entry in STAMPED_REPORTS.read(record).entries:
                report = msgspec.structs.replace(
                    entry.report,
                    occurred=begin + 1_000,
                    channel_ref=_CHANNEL.decode(),
                    message_ref=_MESSAGE.decode(),
                    report_id=_ID.decode(),
                )
                # What escalates at once is no quiet channel.
                if report.category not in traffic.ESCALATED_AT_ONCE:
                    made.append(msgspec.msgpack.encode(msgspec.structs.replace(entry, report=report)))
    return made


def ref(number: int) -> bytes:
    """The ref of a channel."""
    return b"%032x" % (number * _SPREAD % (1 << 128))


class Reports:
    """Makes bundles of reports about channels by their numbers."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self._entries = entries
        self._made = 0

    def records(self, channels: Iterable[int]) -> list[Record]:
        """Bundles with a report about each of the channels."""
        entries = []
        for channel in channels:
            self._made += 1
            # A channel has one category.
            entry = self._entries[channel % len(self._entries)]
            message = b"%032x" % (channel * MESSAGES + self._made % MESSAGES)
            entry = entry.replace(_CHANNEL, ref(channel)).replace(_MESSAGE, message)
            entries.append(msgspec.Raw(entry.replace(_ID, b"%012x" % self._made)))
        form = STAMPED_REPORTS
        bundles = [entries[at : at + BUNDLE] for at in range(0, len(entries), BUNDLE)]
        return [
            Record(*each[:2], self._made + at, BEGIN_MS, *each[2:])
            for at, each in enumerate(form.record(0, 1, bundle) for bundle in bundles)
        ]


class Longest:
    """The longest of several calls, and what they take together, in CPU seconds."""

    def __init__(self) -> None:
        self.longest = self.total = 0.0
        self.calls = 0

    def add(self, seconds: float) -> None:
        self.calls += 1
        self.longest = max(self.longest, seconds)
        self.total += seconds

    def measure(self, call: Callable[[], object]) -> object:
        began = time.thread_time()
        try:
            return call()
        finally:
            self.add(time.thread_time() - began)

    @property
    def ms(self) -> float:
        return round(self.longest * 1e3, 2)


class Partition:
    """The stage of reports with one partition."""

    def __init__(self, rules: ReportRules, core: CoreName) -> None:
        self.stage = report_stage(rules, core)
        self.state: ReportState = self.stage.restore(0, 1)

    def apply(self, records: Sequence[Record], calls: Longest) -> None:
        """Apply records in slices, as a worker does, each of which is a call."""
        slices = self.stage.apply_in_slices(self.state, records, LIMITS)
        batch = None
        while (found := calls.measure(partial(next, slices, None))) is not None:
            batch = found
        assert batch is not None
        assert batch.finished_records == len(records)

    def expire(self, time_ms: int, calls: Longest) -> None:
        """Begin a day in calls that remove as much as a slice may."""
        begin = partial(self.state.begin_day, time_ms, LIMITS.slice_expiries)
        while not calls.measure(begin):
            calls.measure(partial(drain, self.state))
        calls.measure(partial(drain, self.state))


def drain(state: ReportState) -> None:
    for _ in state.drain_changes():
        pass


def batches(number: int) -> Iterator[range]:
    return (range(at, min(at + BATCH, number)) for at in range(0, number, BATCH))


def fill(rules: ReportRules, core: CoreName, channels: int) -> dict:
    few, others = Reports(templates(rules, 0)), Reports(templates(rules, 2))
    partition = Partition(rules, core)
    # Whatever is there once.
    partition.apply(few.records(range(FEW_EXPIRE)), Longest())
    leave_out_what_stays()
    before, calls = resident(), Longest()
    for numbers in batches(channels):
        made = others.records(FEW_EXPIRE + number for number in numbers)
        partition.apply(made, calls)
    del made
    figures = {
        "filled: bytes": round((resident() - before) / channels, 1),
        "filled: longest slice, ms": calls.ms,
        "filled: CPU per report, us": round(calls.total / channels * 1e6, 1),
    }
    figures |= reports_about(partition, others, FEW_EXPIRE, channels)
    state = partition.state
    figures["episodes"] = len(state.episodes)
    figures["records"] = [len(state.counts), *(len(each) for each in state.crowd.by_kind.values())]
    for name, days in (("few", 31), ("counts", 33), ("all", 400)):
        calls = Longest()
        partition.expire(BEGIN_MS + days * DAY, calls)
        figures[f"expire {name}: longest, ms"] = calls.ms
        figures[f"expire {name}: calls"] = calls.calls
        figures[f"expire {name}: seconds"] = round(calls.total, 2)
    figures["left"] = [len(state.counts), *(len(each) for each in state.crowd.by_kind.values())]
    return figures


def reports_about(partition: Partition, reports: Reports, first: int, channels: int) -> dict[str, float]:
    """What reports take about channels that are there, and about new ones."""
    chance, figures = random.Random(7), {}
    spreads: dict[str, Callable[[int], int]] = {
        "uniform": lambda _: chance.randrange(channels),
        "zipf": lambda _: int((channels + 1) ** chance.random()) - 1,
        "new": lambda number: channels + number,
    }
    for name, spread in spreads.items():
        calls = Longest()
        for numbers in batches(REPORTS):
            partition.apply(reports.records(first + spread(number) for number in numbers), calls)
        figures[f"{name}: CPU per report, us"] = round(calls.total / REPORTS * 1e6, 1)
        figures[f"{name}: longest slice, ms"] = calls.ms
    return figures


def state_records(
    rules: ReportRules, core: CoreName
) -> tuple[dict[bytes, list[tuple[bytes, bytes]]], dict[bytes, bytes]]:
    """Records of the state of a quiet channel, by type, with places to fill in; and those of the partition."""
    found: dict[bytes, list[tuple[bytes, bytes]]] = {
        kind: [] for kind in (CHANNEL_COUNTS, CHANNEL_ARRIVALS, MESSAGE_REPORTERS)
    }
    others: dict[bytes, bytes] = {}
    made = templates(rules, 2)
    partition = Partition(rules, core)
    report = Reports(made)
    for number in range(1, 1_000):
        slices = partition.stage.apply(partition.state, report.records([number]))
        for key, value in slices.changes.items():
            assert value is not None
            if key[:1] in found:
                message = b"%032x" % (number * MESSAGES + number % MESSAGES)
                found[key[:1]].append(
                    (
                        key.replace(ref(number), _CHANNEL).replace(message, _MESSAGE),
                        value.replace(message, _MESSAGE),
                    )
                )
            else:
                others[key] = value
    return found, others


def restore(rules: ReportRules, core: CoreName, channels: int) -> dict[str, float]:
    records, others = state_records(rules, core)
    partition = Partition(rules, core)
    leave_out_what_stays()
    calls = Longest()
    before = resident()

    def entries() -> Iterator[tuple[bytes, bytes]]:
        yield from others.items()
        for begin in range(0, channels, LOOKED_AT):
            made = []
            for number in range(begin, begin + LOOKED_AT):
                message = b"%032x" % (number * MESSAGES + number % MESSAGES)
                channel = ref(number)
                for rows in records.values():
                    key, value = rows[number % len(rows)]
                    key = key.replace(_CHANNEL, channel).replace(_MESSAGE, message)
                    made.append((key, value.replace(_MESSAGE, message)))
            began = time.thread_time()
            yield from made
            calls.add(time.thread_time() - began)

    partition.state = partition.stage.restore(0, 1, entries())
    figures = {
        "restored: bytes": round((resident() - before) / channels, 1),
        "restored: channels/s": round(channels / calls.total),
        f"restored: longest {LOOKED_AT}, ms": calls.ms,
    }
    return figures | reports_about(partition, Reports(templates(rules, 2)), 0, channels)


def reporters(core: CoreName, number: int) -> dict[str, float]:
    """Bytes per reporter with one report, first noted and then restored."""
    records = IN_PYTHON.records
    if core == "native":
        from streams.deciding.partition.native.stores import IN_EXTENSION  # noqa: PLC0415  # optional

        records = IN_EXTENSION.records
    rules = load_rules(sources=ONE_TOPIC).reporters
    key = DEMONSTRATION.current
    stores = [reporter_store(records), reporter_store(records)]
    figures = {}
    leave_out_what_stays()
    before = resident()
    for person in range(number):
        reporter = Reporter()
        reporter.note_report(
            rules,
            ReportFacts(
                "user",
                BEGIN_MS + person,
                BEGIN_MS // 1_000,
                CODES["spam"],
                key.target_hash(f"channel/{person % 2_000}", f"message/{person}"),
                key.channel_hash(f"channel/{person % 2_000}"),
                False,
                False,
            ),
        )
        keep(stores[0], state_key(b"%016x" % key.reporter_hash(f"{person}")), reporter, BEGIN_MS)
        if person % BATCH == BATCH - 1:
            for _ in stores[0].drain_changes():
                pass
    figures["noted: bytes"] = round((resident() - before) / number, 1)
    before = resident()
    for each in stores[0]:
        record = stores[0].encoded(each)
        assert record is not None
        stores[1].restore(each, record)
    figures["restored: bytes"] = round((resident() - before) / number, 1)
    return figures


def measured(core: CoreName, number: int, what: str) -> dict:
    """What is asked for: `restore`, `reporters`, or nothing to fill a partition."""
    figures: dict = {"core": core, "channels": number}
    if what == "reporters":
        return figures | reporters(core, number)
    return figures | (restore if what == "restore" else fill)(rules_of_reports(), core, number)


if __name__ == "__main__":
    keep_freed_memory()
    core, number, what = (*sys.argv[1:], "")[:3]
    assert core in ("python", "native"), __doc__
    print(json.dumps(measured(core, int(number), what), indent=1))
