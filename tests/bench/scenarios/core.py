"""CPU per report of the core by step, and of making record batches; in this process, without a broker.

The core runs as in a worker while a timer samples its position every millisecond. Measuring each step alone
would give figures a third too low, because a step alone has the processor's caches to itself.
"""

import gc
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import CodeType, FrameType
from typing import NamedTuple
from unittest.mock import patch

from aiokafka.producer.message_accumulator import BatchBuilder

from streams.contract.events.internal.stamp import ReportStamp
from streams.contract.events.report import Channel, MessageReport
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers
from streams.contract.wire.forms.stamp import STAMP_HEADER, encode_stamp
from streams.contract.wire.origin import ORIGIN_HEADER
from streams.contract.wire.topics import MESSAGE_REPORTS, MESSAGE_REPORTS_INTERNAL
from streams.counting.counts import ChannelCounts
from streams.counting.store import CountStore
from streams.deciding.law.resolution import Resolved, Resolver
from streams.deciding.partition.batch import Batch
from streams.deciding.partition.stage import Stage
from streams.deciding.reports import apply, handle, outcomes
from streams.deciding.reports.enrich import channel_window, enriched_json, public_report
from streams.deciding.reports.risk import RiskModel
from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from streams.registry.loader import load_rules
from streams.running.app.garbage_collection import leave_out_what_stays
from streams.running.log.connection import BATCH_BYTES
from tests.bench import traffic
from tests.bench.place import ONE_TOPIC, Place
from tests.readers import decode_report

ROUNDS = 5
REPORTS = 100_000
# The records of one partition in a cycle of a busy worker.
BATCH = 5_000
HOUR_MS = 3_600_000
# Of a reporter of whom nothing is known.
STAMP = ReportStamp("low", 0.25, 0.056, 0.0, 1.0, True, False, 0, 1)

STAGES = {
    "decode": (decode_report,),
    "resolve": (Resolver.resolve,),
    "score": (RiskModel.score, RiskModel.millionths),
    "count": (apply._count, ChannelCounts.measure, CountStore.find, CountStore.counted),
    "decide": (apply._decide, Batch.advance),
    "encode": (enriched_json, encode, public_report, channel_window, event_headers),
    "save state": (ReportState.drain_changes,),
    # The rest of assess: origins, home partitions, duplicates, and the calls between the steps.
    "other": (
        Stage.apply,
        Stage.apply_in_slices,
        Stage._apply_slice,
        # The handlers of both topics have the same code.
        handle.HANDLERS[MESSAGE_REPORTS],
        apply.apply_report,
    ),
}
_STAGE_OF: dict[CodeType, str] = {
    function.__code__: stage for stage, functions in STAGES.items() for function in functions
}


class Record(NamedTuple):
    """A fetched record with the fields that the core reads."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class Samples:
    """Counts, per step, how often a sample found it running. A context manager."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def __enter__(self) -> "Samples":
        self._before = signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, self._before)

    def share(self, stage: str) -> float:
        """The share of the time (0 to 1) that a step took."""
        return self.found[stage] / self.found.total()

    def _look(self, _: int, frame: FrameType | None) -> None:
        while frame is not None:
            stage = _STAGE_OF.get(frame.f_code)
            if stage is not None:
                self.found[stage] += 1
                return
            frame = frame.f_back


def measure(place: Place) -> dict[str, float]:
    """Microseconds of CPU time per report."""
    count = place.amount(REPORTS)
    begin = 1_800_000_000_000
    records = [
        Record("message-reports", 0, number, begin + HOUR_MS, *report)
        for number, report in enumerate(traffic.usual(count, begin, HOUR_MS))
    ]
    rules = compile_report_rules(load_rules(sources=ONE_TOPIC))
    leave_out_what_stays()
    try:
        with Samples() as samples:
            rounds = [_assess(records, rules) for _ in range(ROUNDS)]
        # Other load can only slow down a round, so the fastest one is the best estimate.
        whole = min(seconds for seconds, _ in rounds) / count * 1e6
        publish = min(_publish(rounds[-1][1]) for _ in range(ROUNDS)) / count * 1e6
        law = _law(records, rules) / count * 1e6
        messages = _messages(records, rules) / count * 1e6
    finally:
        gc.unfreeze()
        gc.enable()
    figures = {stage: samples.share(stage) * whole for stage in STAGES}
    return {
        f"core: {name}": us
        for name, us in {
            **figures,
            "assess, total": whole,
            "assess, added by the law": law,
            "assess, added by counting messages": messages,
            "publish": publish,
        }.items()
    }


class _NoLaw:
    """Replaces a Resolver: gives the same empty answer for every report."""

    def __init__(self, rules: ReportRules) -> None:
        lawless = replace(rules.registry, obligations=())
        any_report = MessageReport(
            "none", "user_report", datetime(2026, 1, 1, tzinfo=UTC), Channel("none", "unknown"), "spam"
        )
        self._no_law = Resolver(lawless).resolve(any_report)

    def resolve(self, _: MessageReport) -> Resolved:
        return self._no_law


def _law(records: Sequence[Record], rules: ReportRules) -> float:
    """The part of assess, in CPU seconds, that finds, writes and follows up the law of the reports."""
    lawless = replace(rules, resolver=_NoLaw(rules))
    # In turns, because other load then affects both alike.
    pairs = [(_assess(records, rules)[0], _assess(records, lawless)[0]) for _ in range(ROUNDS)]
    with_law, without = zip(*pairs, strict=True)
    return min(with_law) - min(without)


def _messages(records: Sequence[Record], rules: ReportRules) -> float:
    """The part of assess, in CPU seconds, that counts messages for transparency reports."""
    # As they come from the stage of reporters; those that name no reporter do not go there.
    stamped = [
        _stamped(record) if b'"ref":"' in record.value.partition(b'"reporter"')[2] else record
        for record in records
    ]
    pairs = []
    for _ in range(ROUNDS):
        counting = _assess(stamped, rules)[0]
        with (
            patch.object(outcomes, "count_report", lambda *_: False),
            patch.object(apply, "count_message", lambda *_: None),
        ):
            pairs.append((counting, _assess(stamped, rules)[0]))
    with_counts, without = zip(*pairs, strict=True)
    return min(with_counts) - min(without)


def _stamped(record: Record) -> Record:
    origin = f"{record.topic}/{record.partition}/{record.offset}/{record.timestamp}"
    headers = [*record.headers, (ORIGIN_HEADER, origin.encode()), (STAMP_HEADER, encode_stamp(STAMP))]
    return record._replace(topic=MESSAGE_REPORTS_INTERNAL, headers=headers)


def _assess(records: Sequence[Record], rules: ReportRules) -> tuple[float, list[Batch]]:
    """CPU seconds of assess, and the batches."""
    state, stage = ReportState(0, 1, rules), report_stage(rules)
    started = time.process_time()
    batches = [stage.apply(state, records[start : start + BATCH]) for start in range(0, len(records), BATCH)]
    return time.process_time() - started, batches


def _publish(batches: Sequence[Batch]) -> float:
    """CPU seconds for writing the outputs into record batches as the producer does."""
    started = time.process_time()
    for batch in batches:
        builder = BatchBuilder(BATCH_BYTES, 0, is_transactional=True)
        for output in batch.outputs:
            row = {"timestamp": 0, "key": output.key, "value": output.value, "headers": output.headers}
            while builder.append(**row) is None:
                builder._build()
                builder = BatchBuilder(BATCH_BYTES, 0, is_transactional=True)
        builder._build()
    return time.process_time() - started
