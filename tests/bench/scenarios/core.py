"""CPU per report of the pure core and of making record batches, by stage, in this process and without a broker.

Each stage runs by itself over the same reports, best of several rounds: what disturbs a round only makes it slower.
"""

import gc
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from aiokafka.producer.message_accumulator import BatchBuilder
from xxhash import xxh3_64_intdigest

from streams.assessment.assess import assess
from streams.assessment.counts import ChannelCounts
from streams.assessment.enrichment import channel_window, public_report
from streams.assessment.outcome import Outcome
from streams.assessment.partition_state import PartitionState
from streams.assessment.policies import CompiledRules, compile_rules
from streams.events.decoding import decode_report
from streams.events.encoding import encode
from streams.events.enriched_report import ENRICHED_REPORT_TYPE, EnrichedReport, Source
from streams.events.envelope import event_headers
from streams.events.report import MessageReport
from streams.registry.loader import load_rules
from tests.bench import traffic
from tests.bench.place import Place

ROUNDS = 5
# What a cycle of a busy worker brings for one partition.
BATCH = 5_000
HOUR_MS = 3_600_000
BATCH_BYTES = 512 * 1024


class Record(NamedTuple):
    """As the core sees what aiokafka fetched."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


def measure(place: Place) -> dict[str, float]:
    """Microseconds per report."""
    count = 40_000 if place.quick else 100_000
    begin = 1_800_000_000_000
    records = [
        Record("message-reports", 0, number, begin + HOUR_MS, *report)
        for number, report in enumerate(traffic.usual(count, begin, HOUR_MS))
    ]
    rules = compile_rules(load_rules())
    decoded = [decode_report(record.value, record.headers, record.timestamp) for record in records]
    reports = [one.report for one in decoded]
    stages = {
        "decode": _best(
            count, lambda: _each(records, lambda r: decode_report(r.value, r.headers, r.timestamp))
        ),
        "locate": _best(count, lambda: _each(reports, rules.locator.locate)),
        "score": _best(count, lambda: _each(reports, rules.risk_model.score)),
        "count": _best(count, lambda: _count(reports, rules)),
        "encode": _best(count, lambda: _encode(reports, rules)),
    }
    whole, saving, outcomes = _assess(records, rules)
    whole *= 1e6 / count
    stages["save state"] = saving / count * 1e6
    # The rest of assess: policies, episodes, duplicates, homes, transitions.
    stages["decide"] = max(0.0, whole - sum(stages.values()))
    stages["publish"] = _best(count, lambda: _publish(outcomes))
    return {f"core: {name}": value for name, value in stages.items()} | {"core: assess, all of it": whole}


def _best(count: int, work: Callable[[], Any]) -> float:
    """Microseconds of CPU per report in the best of the rounds."""
    times = []
    for _ in range(ROUNDS):
        gc.collect()
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times) / count * 1e6


def _each(things: Sequence[Any], function: Callable[[Any], Any]) -> None:
    for thing in things:
        function(thing)


def _count(reports: Sequence[MessageReport], rules: CompiledRules) -> None:
    counts: dict[tuple[str, str], ChannelCounts] = defaultdict(ChannelCounts)
    for report in reports:
        now = round(report.occurred_at.timestamp() * 1000)
        reporter = report.reporter
        hashed = None if reporter.ref is None else xxh3_64_intdigest(reporter.ref.encode())
        one = counts[report.channel.ref, report.category]
        one.add(now, now, reporter.kind, hashed, 280_000, report.message_ref)
        for spec in rules.plans[report.category].windows:
            one.measure(spec, now)


def _encode(reports: Sequence[MessageReport], rules: CompiledRules) -> None:
    zero = ChannelCounts()
    source = Source("message-reports", 0, 123_456)
    for report in reports:
        located = rules.locator.locate(report)
        specs = rules.plans[report.category].windows
        enriched = EnrichedReport(
            public_report(report),
            located.jurisdictions,
            located.obligation_ids,
            rules.risk_model.score(report),
            tuple(channel_window(spec, zero.measure(spec, 0)) for spec in specs),
            True,
            None,
            rules.rules.policy_version,
            rules.rules.registry_version,
            source,
        )
        encode(enriched)
        event_headers(ENRICHED_REPORT_TYPE, report.report_id, 1_800_000_000_000)


class _TimedState(PartitionState):
    """Tells how long making its records took."""

    __slots__ = ("spent",)
    spent: float

    def drain_changes(self) -> dict[bytes, bytes | None]:
        started = time.process_time()
        try:
            return super().drain_changes()
        finally:
            self.spent += time.process_time() - started


def _assess(records: Sequence[Record], rules: CompiledRules) -> tuple[float, float, list[Outcome]]:
    """CPU seconds of all of it and of making the state's records, in the best round; and what came of it."""
    best = (float("inf"), 0.0)
    for _ in range(ROUNDS):
        gc.collect()
        state = _TimedState(0, 1, rules)
        state.spent = 0.0
        outcomes = []
        started = time.process_time()
        for start in range(0, len(records), BATCH):
            outcomes.append(assess(state, records[start : start + BATCH], rules))
        best = min(best, (time.process_time() - started, state.spent))
    return *best, outcomes


def _publish(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        builder = BatchBuilder(BATCH_BYTES, 0, is_transactional=True)
        for output in outcome.outputs:
            while (
                builder.append(timestamp=0, key=output.key, value=output.value, headers=output.headers)
                is None
            ):
                builder._build()
                builder = BatchBuilder(BATCH_BYTES, 0, is_transactional=True)
        builder._build()
