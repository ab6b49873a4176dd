"""Clocks of reports against a model, in any batches and across restores."""

from datetime import datetime
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.wire.envelope import rfc3339
from streams.deciding.partition.census import take_census
from streams.deciding.reports.state import ReportState, restore_reports
from streams.registry.obligation import Obligation
from tests.unit.clock_traffic import OUTCOMES, clock_events, clock_of, clock_outcome, clock_rules, duty
from tests.unit.traffic import HOUR, INTERNAL, MINUTE, START, Record, fold, levels, policy, report, run, tick  # fmt: skip

SLOW = duty(id="GLOBAL.slow", duration="PT10H", pausable_for=(), trigger="user_report", action="decide")
BOTH = clock_rules(
    duty(),
    SLOW,
    policies=(policy(levels=levels({"reports": 2}, {"reports": 5}), min_clear_ms=MINUTE),),
)

traffic = st.lists(
    st.tuples(
        st.sampled_from(["report", "report", "paused", "resumed", "fulfilled", "withdrawn", "tick", "bad"]),
        # Minutes since the last record.
        st.sampled_from([0, 0, 1, 13, 55, 130, 700]),
        # Minutes by which the record is late.
        st.sampled_from([0, 0, 0, 2, 40, 200]),
        st.integers(0, 5),
        st.sampled_from(["c", "d"]),
    ),
    min_size=1,
    max_size=30,
)


def to_records(steps: list[tuple[str, int, int, int, str]], duties: tuple[Obligation, ...]) -> list[Record]:
    """Records for one partition. Ticks have the `after` that its owner would have written."""
    records: list[Record] = []
    clock = START
    sent: list[tuple[int, str]] = []
    for number, (kind, passed, late, index, channel) in enumerate(steps):
        clock += passed * MINUTE
        time = clock - late * MINUTE
        if kind == "report":
            sent.append((number, channel))
            records.append(report(number, time, appended=clock, channel=channel))
        elif kind == "tick":
            records.append(tick(len(sent), clock, number))
        elif kind == "bad":
            records.append(Record(OUTCOMES, 0, number, clock, None, b"[]"))
        else:
            about, home = sent[-1 - index % len(sent)] if sent else (0, "c")
            row = duties[index % len(duties)].id
            reason = "clarification" if index else None
            target = clock_of(about, home, row)
            records.append(
                clock_outcome(number, kind, target, time, appended=clock, channel=home, reason=reason)
            )
    return records


class Model:
    """The expected events of clocks, computed from the pauses of each clock."""

    def __init__(self, duties: tuple[Obligation, ...], lengths: dict[str, int]) -> None:
        self.duties = duties
        self.lengths = lengths
        self.now = 0
        self.appended = 0
        self.applied = 0
        self.clocks: dict[tuple[str, str], dict[str, Any]] = {}
        self.events: list[tuple[str, str, str]] = []

    def steps_due(self, until: int) -> list[tuple[int, tuple[str, str], int]]:
        due = []
        for key, clock in self.clocks.items():
            if clock["paused_at"] is None and clock["steps"] < 3:
                share = (5, 9, 10)[clock["steps"]]
                time = clock["start"] + clock["paused"] + clock["length"] * share // 10
                if time <= until:
                    due.append((time, key, clock["steps"]))
        return sorted(due)

    def serve(self, until: int, at: int | None = None) -> None:
        while due := self.steps_due(until):
            time, key, step = due[0]
            self.clocks[key]["steps"] += 1
            reason = ("half", "nine_tenths", "lapsed")[step]
            self.events.append((key[1], reason, rfc3339(time if at is None else at)))

    def take(self, record: Record) -> None:
        if record.topic == INTERNAL:
            after = msgspec.json.decode(record.value or b"")["after"]
            if after == self.applied and self.applied:
                passed = max(0, record.timestamp - self.appended)
                self.appended += passed
                self.now += passed
                self.serve(self.now)
            return
        if record.value == b"[]":
            return
        body = msgspec.json.decode(record.value or b"")
        time = _ms(body["occurred_at"])
        if record.topic == OUTCOMES:
            self.take_outcome(body, time, record.timestamp)
            return
        ahead = max(0, record.timestamp - self.appended)
        self.appended += min(max(0, time - self.now), ahead) if self.applied else ahead
        self.now = max(self.now, time)
        self.serve(self.now)
        self.applied += 1
        channel = body["channel"]["ref"]
        for row in self.duties:
            key = (channel, clock_of(int(body["report_id"][1:]), channel, row.id))
            others, self.clocks = self.clocks, {}
            self.clocks[key] = {
                "start": time, "length": self.lengths[row.id], "paused": 0, "paused_at": None,
                "steps": 0, "changed": time, "reasons": row.pausable_for,
            }  # fmt: skip
            self.events.append((key[1], "armed", rfc3339(self.now)))
            self.serve(self.now, self.now)
            self.clocks = others | self.clocks

    def take_outcome(self, body: dict[str, Any], time: int, appended: int) -> None:
        key = (body["key"], body["clock_id"])
        clock = self.clocks.get(key)
        if clock is None:
            return
        now = max(self.now, time)
        paused = clock["paused_at"] is not None
        if body["outcome"] == "resumed" and not paused:
            return
        if body["outcome"] == "paused":
            due = clock["start"] + clock["paused"] + clock["length"]
            if paused or body.get("reason") not in clock["reasons"] or due <= now:
                return
        self.appended += min(now - self.now, max(0, appended - self.appended))
        self.now = now
        self.serve(now)
        at = max(clock["changed"], min(time, now))
        self.events.append((key[1], body["outcome"], rfc3339(at)))
        clock["changed"] = at
        if body["outcome"] == "paused":
            clock["paused_at"] = at
        elif body["outcome"] == "resumed":
            clock["paused"] += at - clock["paused_at"]
            clock["paused_at"] = None
        else:
            del self.clocks[key]
        self.serve(now)


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@settings(max_examples=150)
@given(steps=traffic)
def test_clocks_agree_with_a_model(steps: list[tuple[str, int, int, int, str]]) -> None:
    duties = (duty(), SLOW)
    records = to_records(steps, duties)
    state = ReportState(0, 1, BOTH)
    outcome = run(state, BOTH, records)
    model = Model(duties, {"GLOBAL.fast": 2 * HOUR, "GLOBAL.slow": 10 * HOUR})
    for record in records:
        model.take(record)
    published = [
        (event["escalation_id"], event["reason"].removeprefix("clock_"), event["at"])
        for event in clock_events(outcome)
    ]
    assert published == model.events
    assert state.time.now == model.now
    assert len(state.clocks) == len(model.clocks)
    sequences: dict[str, int] = {}
    for event in clock_events(outcome):
        sequences[event["escalation_id"]] = sequences.get(event["escalation_id"], 0) + 1
        assert event["sequence"] == sequences[event["escalation_id"]]


@settings(max_examples=100)
@given(steps=traffic, cuts=st.sets(st.integers(0, 30), max_size=8), restored=st.sets(st.integers(0, 30)))
def test_batches_and_restores_leave_no_trace(
    steps: list[tuple[str, int, int, int, str]], cuts: set[int], restored: set[int]
) -> None:
    records = to_records(steps, (duty(), SLOW))
    whole = run(ReportState(0, 1, BOTH), BOTH, records)
    expected: dict[bytes, bytes] = {}
    fold(expected, whole.changes)

    state = ReportState(0, 1, BOTH)
    stored: dict[bytes, bytes] = {}
    outputs = []
    start = 0
    for cut in sorted({cut for cut in cuts if 0 < cut < len(records)} | {len(records)}):
        part = run(state, BOTH, records[start:cut])
        start = cut
        outputs += part.outputs
        fold(stored, part.changes)
        if cut in restored:
            due = state.next_due()
            state = restore_reports(0, 1, BOTH, stored.items())
            assert state.next_due() == due
    assert _without_counters(outputs) == _without_counters(whole.outputs)
    assert stored == expected
    running = sum(take_census(state).clocks.values())
    assert running == sum(key.startswith(b"L") for key in stored)
    again = take_census(restore_reports(0, 1, BOTH, stored.items()))
    assert (again.clocks, again.clocks_nearly_due) == (
        take_census(state).clocks,
        take_census(state).clocks_nearly_due,
    )


def _without_counters(outputs: list[Any]) -> list[Any]:
    """The outputs without daily counters, which are published once per batch."""
    return [output for output in outputs if output.topic != "transparency-counters"]
