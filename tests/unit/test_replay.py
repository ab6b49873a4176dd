import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.enriched_report import EnrichedReport, Source
from streams.contract.events.internal.time_correction import TimeCorrection
from streams.contract.wire.forms.time_correction import encode_time_correction
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.records import OutputRecord
from streams.deciding.partition.daily_counters import OWN_DAY_COUNTERS
from streams.deciding.partition.duplicates import SLOT_HEAD
from streams.deciding.partition.state import DUPLICATES_SLOT
from streams.deciding.reports.decisions_read import DecisionRun
from streams.deciding.reports.state import ReportState, restore_reports
from streams.registry.rules import AskRules
from tests.replay_order import (
    applied_outcome,
    applied_report,
    order_of_application,
)
from tests.unit.clock_traffic import clock_of, clock_outcome, clock_rules, duty
from tests.unit.crowd_traffic import outcome as moderation_outcome
from tests.unit.crowd_traffic import stamped
from tests.unit.traffic import (
    DAY,
    HOUR,
    INTERNAL,
    MINUTE,
    START,
    Record,
    fold,
    levels,
    policy,
    rekeyed,
    report,
    run,
    tick,
)
from tests.unit.transparency_totals import totals

PARTITIONS = 2
RULES = clock_rules(
    # Only these reports arm a clock.
    duty(required_elements=("contact",)),
    policies=(
        policy(levels=levels({"reports": 1}, {"reports": 3}), min_clear_ms=MINUTE, cooldown_ms=20 * MINUTE),
        # Its questions are open for longer.
        policy(
            id="asking",
            window="PT24H",
            window_ms=24 * HOUR,
            levels=levels({"reports": 1}, {"reports": 3}, {"reports": 9}),
        ),
        policy(
            id="day",
            mode="shadow",
            window="PT24H",
            window_ms=24 * HOUR,
            levels=levels({"distinct_reporters": 2}),
        ),
    ),
)
# Nobody was right before, so every crowd is asked about.
RULES = dataclasses.replace(
    RULES, registry=dataclasses.replace(RULES.registry, ask=AskRules("live", 3, 2, 30 * MINUTE))
)
DECISIONS = ("upheld", "dismissed", "manifestly_unfounded")
HERE = [f"c{n}" for n in range(30) if home_partition(b"c%d" % n, PARTITIONS) == 0][:3]
ELSEWHERE = next(f"c{n}" for n in range(30) if home_partition(b"c%d" % n, PARTITIONS) == 1)

steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "report",
                "report",
                "direct",
                "unstamped",
                "notice",
                "duplicate",
                "bad",
                "elsewhere",
                "rekeyed",
                "tick",
                "tick read later",
                "tick of a wrong clock",
                "correction",
                "paused",
                "resumed",
                "fulfilled",
                "rekeyed outcome",
                "stamped",
                "stamped",
                "decided",
                "decided",
                "decided again",
                "rekeyed decided",
            ]
        ),
        st.integers(0, 2),
        st.sampled_from([0, 1, 6, 40, 90]),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=150)
@given(steps=steps)
def test_replay_writes_the_same_bytes(steps: list[tuple[str, int, int]]) -> None:
    owner = Owner()
    for number, (kind, index, minutes) in enumerate(steps):
        owner.step(number, kind, index, minutes * MINUTE)
    owner.read_late_tick()

    published = [output for output in owner.outputs if output.topic == "enriched-reports"]
    applied = [
        applied_report(msgspec.json.decode(output.value or b"", type=EnrichedReport).source, output.headers)
        for output in published
    ]
    outcome = run(
        ReportState(0, PARTITIONS, RULES),
        RULES,
        order_of_application(applied, owner.log.__getitem__, owner.internal, (), owner.decided, _last(owner)),
    )
    kept = ("enriched-reports", "escalations", "escalations-shadow", "review-questions")
    assert [output for output in outcome.outputs if output.topic in kept] == [
        output for output in owner.outputs if output.topic in kept
    ]
    stored: dict[bytes, bytes] = {}
    fold(stored, outcome.changes)
    assert totals(outcome.outputs) == totals(owner.outputs)
    assert _comparable(stored) == _comparable(owner.stored)


def test_a_tick_overtaken_by_a_report_has_no_effect_in_the_replay() -> None:
    """Both orders have the same ticks and the same reports. Only the header distinguishes them."""
    owner = Owner()
    owner.step(0, "report", 0, 0)
    owner.step(1, "tick read later", 0, 3 * HOUR)
    owner.step(2, "report", 1, 0)
    owner.read_late_tick()
    assert owner.state.time.now == START + 3 * HOUR - MINUTE
    headers = [dict(output.headers) for output in owner.outputs if output.topic == "enriched-reports"]
    assert ["tocsin-ticks" in header for header in headers] == [False, False]

    owner = Owner()
    owner.step(0, "report", 0, 0)
    owner.step(1, "tick", 0, 3 * HOUR)
    owner.step(2, "report", 1, 0)
    headers = [dict(output.headers) for output in owner.outputs if output.topic == "enriched-reports"]
    assert [header.get("tocsin-ticks") for header in headers] == [None, b"1"]


def test_a_correction_is_replayed_where_it_was_applied() -> None:
    for kinds in (
        ["report", "tick of a wrong clock", "correction", "report", "report"],
        ["report", "tick of a wrong clock", "report", "correction", "report"],
        ["report", "tick read later", "report", "correction", "tick", "report"],
    ):
        owner = Owner()
        for number, kind in enumerate(kinds):
            owner.step(number, kind, 0, 10 * MINUTE)
        owner.read_late_tick()
        published = [output for output in owner.outputs if output.topic == "enriched-reports"]
        applied = [
            applied_report(
                msgspec.json.decode(output.value or b"", type=EnrichedReport).source, output.headers
            )
            for output in published
        ]
        order = order_of_application(applied, owner.log.__getitem__, owner.internal)
        wanted = [*owner.read]
        # A tick that a report overtook has no effect and is not replayed.
        if "tick read later" in kinds:
            wanted.remove(owner.internal[0])
        assert [*order] == wanted


def test_an_outcome_is_replayed_between_the_ticks_where_it_was_applied() -> None:
    for first, second in (("paused", "tick"), ("tick", "paused")):
        owner = Owner()
        owner.step(0, "notice", 0, 0)
        owner.step(1, first, 0, 30 * MINUTE)
        owner.step(2, second, 0, 40 * MINUTE)
        [[after, ticks]] = [
            (traced.after, traced.ticks)
            for output in owner.outputs
            if output.topic == "escalations"
            and (traced := applied_outcome(output.value or b"", output.headers)) is not None
        ]
        assert (after, ticks) == (1, 0 if first == "paused" else 1)


class Owner:
    """Processes a partition as a worker does, record by record, and restores its state every fifth step."""

    def __init__(self) -> None:
        self.state = ReportState(0, PARTITIONS, RULES)
        self.stored: dict[bytes, bytes] = {}
        self.outputs: list[OutputRecord] = []
        self.log: dict[Source, Record] = {}
        self.internal: list[Record] = []
        self.clock = START
        self.read: list[Record] = []
        self.decided: list[Record] = []
        self._noticed: list[tuple[int, int]] = []
        self._late_tick: Record | None = None

    def step(self, number: int, kind: str, index: int, passed: int) -> None:
        self.clock += passed
        internal = ("tick", "rekeyed", "correction", "stamped", "unstamped")
        if kind.startswith(internal):
            # The internal topic is read in order.
            self.read_late_tick()
        if kind.startswith("tick"):
            record = tick(self.state.time.applied, self.clock, len(self.internal))
            if kind == "tick of a wrong clock":
                # Of an older worker: in a newer tick, the worker's clock bounds the append time.
                value = b'{"after":%d}' % self.state.time.applied
                record = record._replace(timestamp=self.clock + DAY, value=value)
            self.internal.append(record)
            if kind == "tick read later":
                self._late_tick = record
                return
        elif kind == "correction":
            # Not every one takes effect: time may be right.
            decision = TimeCorrection(self.state.time.now, self.clock, "a broker's clock was wrong", "op-1")
            value, headers = encode_time_correction(decision)
            record = Record(INTERNAL, 0, len(self.internal), self.clock, None, value, headers)
            self.internal.append(record)
        elif kind == "bad":
            record = Record("message-reports", 0, number, self.clock, None, b"[]")
        elif kind == "duplicate":
            record = report(0, self.clock, offset=number, channel=HERE[0])
        elif kind == "elsewhere":
            record = report(number, self.clock, channel=ELSEWHERE)
        elif kind in ("paused", "resumed", "fulfilled", "rekeyed outcome"):
            record = self._outcome(number, kind, index)
            if not kind.startswith("rekeyed"):
                self.decided.append(record)
        elif "decided" in kind:
            # The second kind repeats ids, and so mostly changes nothing.
            again = kind == "decided again"
            about, at = (index, START + index * MINUTE) if again else (number, self.clock)
            record = moderation_outcome(
                about, DECISIONS[number % 3], at, message=f"m{index}", channel=HERE[0], appended=self.clock
            )._replace(offset=number)
            if not kind.startswith("rekeyed"):
                self.decided.append(record)
        elif kind in ("stamped", "unstamped"):
            published = report(number, self.clock, channel=HERE[0], message_ref=f"m{index}")
            # Version 0.2 wrote the second kind.
            record = rekeyed(published) if kind == "unstamped" else stamped(published, 0, PARTITIONS)
            record = record._replace(offset=len(self.internal))
            self.log[_place(published)] = record
            self.internal.append(record)
        else:
            more = {"notice": {"elements": ["contact"]}} if kind == "notice" else {}
            if kind == "notice":
                self._noticed.append((number, index))
            if kind in ("direct", "rekeyed"):
                # Others go by way of their reporters.
                more = {"reporter": {"kind": "anonymous"}, "message_ref": f"m{index}"}
            made = self.clock - index * MINUTE
            record = report(number, made, appended=self.clock, channel=HERE[index], **more)
        if kind.startswith("rekeyed"):
            record = self._rekey(record)
        elif not kind.startswith(internal):
            self.log[_place(record)] = record
        self._apply(record)
        if number % 5 == 4:
            self.state = restore_reports(0, PARTITIONS, RULES, self.stored.items())

    def read_late_tick(self) -> None:
        if self._late_tick is not None:
            self._apply(self._late_tick)
            self._late_tick = None

    def _outcome(self, number: int, kind: str, index: int) -> Record:
        about, channel = self._noticed[-1] if self._noticed else (0, 0)
        outcome = "withdrawn" if kind == "rekeyed outcome" else kind
        return clock_outcome(
            number,
            outcome,
            clock_of(about, HERE[channel]),
            self.clock - index * 50 * MINUTE,
            appended=self.clock,
            channel=HERE[channel],
            reason="clarification",
        )

    def _rekey(self, record: Record) -> Record:
        original = record._replace(partition=1)
        self.log[_place(original)] = original
        outcome = run(ReportState(1, PARTITIONS, RULES), RULES, [original])
        [output] = outcome.outputs
        assert (output.topic, output.partition) == (INTERNAL, 0)
        moved = Record(
            INTERNAL, 0, len(self.internal), self.clock + 50, output.key, output.value, output.headers
        )
        self.internal.append(moved)
        return moved

    def _apply(self, record: Record) -> None:
        self.read.append(record)
        outcome = run(self.state, RULES, [record])
        self.outputs += outcome.outputs
        fold(self.stored, outcome.changes)


def _last(owner: Owner) -> Sequence[DecisionRun]:
    """The decisions that were read after the last report."""
    decisions = owner.state.decisions
    return decisions.runs if decisions.after == owner.state.time.applied else ()


def _place(record: Record) -> Source:
    return Source(record.topic, record.partition, record.offset)


def _comparable(stored: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    # A replay reads no dead letters, so the flood window differs. Compare the times and counters alone.
    return {key: value[:29] if key == b"T" else value for key, value in stored.items()}
