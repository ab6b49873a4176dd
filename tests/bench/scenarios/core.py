"""CPU per report of each hop, and of the last one by step; in this process, without a broker.

The stages run as in a worker, one after the other, while a timer samples the position in the last hop every
millisecond. Measuring each step alone would give figures a third too low, because a step alone has the
processor's caches to itself.
"""

import gc
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import CodeType, FrameType
from unittest.mock import patch

from streams.contract.events.report import Channel, MessageReport
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers
from streams.counting.counts import ChannelCounts
from streams.counting.store import CountStore
from streams.deciding.law.resolution import Resolved, Resolver
from streams.contract.wire.forms.checked_report import report_of
from streams.deciding.partition.batch import Batch, apply_slice
from streams.deciding.partition.reading import Cursor
from streams.deciding.partition.stage import Stage
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reports import apply, handle, outcomes
from streams.deciding.reports.enrich import channel_window, enriched_json, public_report
from streams.deciding.reports.risk import RiskModel
from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from streams.deciding.reports.weighing import add_to_counts
from streams.registry.loader import load_rules
from streams.running.app.garbage_collection import leave_out_what_stays
from tests.bench import traffic
from tests.bench.hops import HOPS, Record, Way
from tests.bench.place import ONE_TOPIC, PARTITIONS, Place
from tests.readers import decode_report

ROUNDS = 5
REPORTS = 60_000
HOUR_MS = 3_600_000

# Of the home hop.
STEPS = {
    "decode": (decode_report, Cursor._unpack, report_of),
    "resolve": (Resolver.resolve,),
    "score": (RiskModel.score, RiskModel.millionths),
    "count": (
        apply._count_or_note,
        add_to_counts,
        ChannelCounts.measure,
        CountStore.find,
        CountStore.counted,
    ),
    "decide": (apply._decide, Batch.advance),
    "encode": (enriched_json, encode, public_report, channel_window, event_headers),
    "save state": (ReportState.drain_changes,),
    # The rest: origins, home partitions, duplicates, and the calls between the steps.
    "other": (
        Stage.apply,
        Stage.apply_in_slices,
        Stage._apply_entries,
        apply_slice,
        handle.handle_stamped_report,
        apply.apply_report,
    ),
}
_STEP_OF: dict[CodeType, str] = {
    function.__code__: step for step, functions in STEPS.items() for function in functions
}


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

    def share(self, step: str) -> float:
        """The share of the time (0 to 1) that a step took."""
        return self.found[step] / self.found.total()

    def _look(self, _: int, frame: FrameType | None) -> None:
        while frame is not None:
            step = _STEP_OF.get(frame.f_code)
            if step is not None:
                self.found[step] += 1
                return
            frame = frame.f_back


def measure(place: Place) -> dict[str, float]:
    """Microseconds of CPU time per report."""
    count = place.amount(REPORTS)
    begin = 1_800_000_000_000
    registry = load_rules(sources=ONE_TOPIC)
    rules, reporter_rules = compile_report_rules(registry), compile_reporter_rules(registry)
    leave_out_what_stays()
    try:
        samples = Samples()
        hops: dict[str, list[float]] = {hop: [] for hop in HOPS}
        for _ in range(ROUNDS):
            way = Way(traffic.usual(count, begin, HOUR_MS), begin + HOUR_MS, rules, reporter_rules)
            for hop, seconds in way.go(samples).items():
                hops[hop].append(seconds / count * 1e6)
        # Other load can only slow down a round, so the fastest one is the best estimate.
        fastest = {hop: min(rounds) for hop, rounds in hops.items()}
        law = _law(way.arrived, rules) / count * 1e6
        messages = _messages(way.arrived, rules) / count * 1e6
    finally:
        gc.unfreeze()
        gc.enable()
    return {
        f"core: {name}": us
        for name, us in {
            **fastest,
            "all hops": sum(fastest.values()),
            **{f"home, {step}": samples.share(step) * fastest["home"] for step in STEPS},
            "home, added by the law": law,
            "home, added by counting messages": messages,
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


def _law(arrived: Sequence[tuple[int, Sequence[Record]]], rules: ReportRules) -> float:
    """The part of home, in CPU seconds, that finds, writes and follows up the law of the reports."""
    lawless = replace(rules, resolver=_NoLaw(rules))
    # In turns, because other load then affects both alike.
    pairs = [(_home(arrived, rules), _home(arrived, lawless)) for _ in range(ROUNDS)]
    with_law, without = zip(*pairs, strict=True)
    return min(with_law) - min(without)


def _messages(arrived: Sequence[tuple[int, Sequence[Record]]], rules: ReportRules) -> float:
    """The part of home, in CPU seconds, that counts messages for transparency reports."""
    pairs = []
    for _ in range(ROUNDS):
        counting = _home(arrived, rules)
        with (
            patch.object(outcomes, "count_report", lambda *_: False),
            patch.object(apply, "count_message", lambda *_: None),
        ):
            pairs.append((counting, _home(arrived, rules)))
    with_counts, without = zip(*pairs, strict=True)
    return min(with_counts) - min(without)


def _home(arrived: Sequence[tuple[int, Sequence[Record]]], rules: ReportRules) -> float:
    """CPU seconds of the home hop for records that arrived there, by partition and in their batches."""
    stage = report_stage(rules)
    states = [ReportState(number, PARTITIONS, rules) for number in range(PARTITIONS)]
    began = time.process_time()
    for partition, records in arrived:
        stage.apply(states[partition], records)
    return time.process_time() - began
