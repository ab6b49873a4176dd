"""Slices and full batches: where the work is cut changes nothing, and no slice or batch is large."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.deciding.partition.limits import LIMITS, UNLIMITED, Limits
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from streams.deciding.requests.stage import request_stage
from tests.unit.batch_cuts import batches, results, takeovers, tiny
from tests.unit.clock_traffic import clock_of, clock_outcome, clock_rules, duty
from tests.unit.request_traffic import (
    NOON,
    RULES,
    outcome_record,
    preservation_order,
    removal_order,
    request_record,
    routings,
    run_requests,
    tick_record,
)
from tests.unit.traffic import (
    DAY,
    HOUR,
    INTERNAL,
    MINUTE,
    START,
    Record,
    arriving,
    compiled,
    counted,
    fold,
    levels,
    policy,
    report,
    run,
    tick,
)

REPORTS = report_stage(
    clock_rules(
        duty(required_elements=("contact",)),
        duty(id="GLOBAL.slow", duration="PT40H", required_elements=("contact",), pausable_for=()),
        policies=(
            policy(levels=levels({"reports": 1}, {"reports": 3}), min_clear_ms=MINUTE, cooldown_ms=HOUR),
            policy(
                id="month",
                mode="shadow",
                categories=("spam", "fraud"),
                window="P30D",
                window_ms=30 * DAY,
                levels=levels({"distinct_reporters": 2}),
            ),
        ),
    )
)
REQUESTS = request_stage(RULES)

# (kind, channel or request, minutes since the last record)
course = st.lists(
    st.tuples(
        st.sampled_from(["one", "one", "one", "plain", "tick", "fulfilled", "paused", "resumed", "bad"]),
        st.integers(0, 3),
        st.sampled_from([0, 0, 0, 1, 30, 70, 600, 3_000, 50_000]),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=150)
@given(course=course, limits=tiny, takeovers=takeovers)
def test_reports_lead_to_the_same_wherever_they_are_cut(
    course: list[tuple[str, int, int]], limits: Limits, takeovers: set[int]
) -> None:
    records = reports_of(course)
    assert results(REPORTS, records, limits, takeovers) == results(REPORTS, records, UNLIMITED)


@settings(max_examples=150)
@given(course=course, limits=tiny, takeovers=takeovers)
def test_requests_lead_to_the_same_wherever_they_are_cut(
    course: list[tuple[str, int, int]], limits: Limits, takeovers: set[int]
) -> None:
    records = requests_of(course)
    assert results(REQUESTS, records, limits, takeovers) == results(REQUESTS, records, UNLIMITED)


def reports_of(course: list[tuple[str, int, int]]) -> list[Record]:
    records: list[Record] = []
    newest: dict[str, int] = {}
    now, applied = START, 0
    for number, (kind, index, minutes) in enumerate(course):
        now += minutes * MINUTE
        channel = f"c{index}"
        if kind in ("one", "plain"):
            fields: dict[str, Any] = {"notice": {"elements": ["contact"]}} if kind == "one" else {}
            category = "fraud" if index == 3 else "spam"
            records.append(report(number, now, channel=channel, category=category, **fields))
            newest[channel] = number
            applied += 1
        elif kind == "tick":
            records.append(tick(applied, now, number))
        elif kind == "bad":
            records.append(Record(INTERNAL, 0, number, now, None, b"{"))
        else:
            reason = {"reason": "clarification"} if kind == "paused" else {}
            clock = clock_of(newest.get(channel, 0), channel)
            records.append(clock_outcome(number, kind, clock, now, channel=channel, **reason))
    return arriving(REPORTS.rules, records)


def requests_of(course: list[tuple[str, int, int]]) -> list[Record]:
    records: list[Record] = []
    clocks: list[tuple[str, str]] = [("nobodys", "ar-0")]
    now, applied = NOON, 0
    state = REQUESTS.restore(0, 1)
    for number, (kind, index, minutes) in enumerate(course):
        now += minutes * MINUTE
        if kind in ("one", "plain"):
            order = removal_order if kind == "one" else preservation_order
            record = request_record(order(f"ar-{number}", now), offset=number)
            applied += 1
        elif kind == "tick":
            record = tick_record(applied, now)
        elif kind == "bad":
            record = Record(INTERNAL, 0, number, now, None, b"{")
        else:
            clock, key = clocks[-1 - index % len(clocks)]
            record = outcome_record(clock, kind, now, outcome_id=f"o-{number}", key=key)
        records.append(record)
        for event in routings(run_requests(state, [record])):
            clocks += [(clock["clock_id"], event["request_id"]) for clock in event["clocks"]]
    return records


def test_the_traffic_fills_batches_before_ticks_reports_and_outcomes() -> None:
    """Otherwise the two tests above would show nothing."""
    limits = LIMITS._replace(slice_steps=1, batch_steps=1)
    notices = [("one", channel, 0) for channel in range(3)]
    for last in (("tick", 0, 50_000), ("plain", 0, 50_000), ("fulfilled", 2, 3_000)):
        sizes = [
            (batch.finished_records, len(batch.outputs))
            for batch, _ in batches(REPORTS, reports_of([*notices, last]), limits)
        ]
        assert len([size for size in sizes if size[0] == 0]) > 5, last


def due_at_once(count: int) -> list[Record]:
    """Reports that each arm two clocks in the same millisecond, and a tick three days later."""
    notice = {"elements": ["contact"]}
    armed = [report(number, START, channel=f"c{number}", notice=notice) for number in range(count)]
    return [*arriving(REPORTS.rules, armed), tick(count, START + 3 * DAY, count)]


@pytest.mark.nightly
def test_many_due_steps_are_taken_in_several_batches() -> None:
    """The same outputs and state as in one batch, none of which holds more than a second of work."""
    count = 2_000
    whole, state = REPORTS.restore(0, 1), None
    outcome = REPORTS.apply(whole, due_at_once(count))
    steps = [output for output in outcome.outputs if output.topic == "escalations"][-6 * count :]
    expected: dict[bytes, bytes] = {}
    fold(expected, outcome.changes)

    sizes, taken, stored = [], [], {}
    for batch, state in batches(REPORTS, due_at_once(count), LIMITS):
        taken += [output for output in batch.outputs if output.topic == "escalations"]
        fold(stored, batch.changes)
        written = sum(len(output.value or b"") for output in batch.outputs)
        changed = sum(len(value or b"") for value in batch.changes.values())
        sizes.append((written + changed, len(batch.outputs)))
    assert (taken[-6 * count :], stored) == (steps, expected)
    assert state is not None
    assert state.time.now == whole.time.now == START + 3 * DAY
    assert len(sizes) > 3
    # The state is estimated: a clock's record is somewhat larger than its opening event.
    assert max(size for size, _ in sizes) < 1.5 * LIMITS.batch_bytes
    assert max(outputs for _, outputs in sizes) < LIMITS.batch_steps


def test_every_slice_is_short() -> None:
    count = 500
    state = ReportState(0, 1, REPORTS.rules)
    # Each report has an output of its own and opens two clocks and an episode; each step has one output.
    arming, stepping = due_at_once(count)[:-1], due_at_once(count)[-1:]
    for records, most in ((arming, 5 * (LIMITS.slice_more_outputs / 3 + 1)), (stepping, LIMITS.slice_steps)):
        before = 0
        for batch in REPORTS.apply_in_slices(state, records):
            assert len(batch.outputs) - before <= most
            before = len(batch.outputs)
        assert batch.finished_records == len(records)


def test_a_large_report_ends_a_slice_earlier() -> None:
    filler = {"later": "x" * 60_000}
    slices = {}
    for name, fields in (("usual", {}), ("large", filler)):
        state = ReportState(0, 1, REPORTS.rules)
        records = [report(number, START, reporter=None, **fields) for number in range(100)]
        slices[name] = sum(1 for _ in REPORTS.apply_in_slices(state, records))
    assert slices["large"] > slices["usual"] + 3


@pytest.mark.parametrize("steps", [1, 10_000])
def test_a_batch_does_not_end_while_counts_expire(steps: int) -> None:
    """Its state would have lost counts that its time still needs."""
    count = 300
    stage = report_stage(compiled())
    records = [report(number, START, channel=f"c{number}") for number in range(count)]
    state = ReportState(0, 1, stage.rules)
    run(state, stage.rules, records)
    limits = LIMITS._replace(slice_expiries=20, batch_steps=steps, batch_bytes=1)
    slices = list(stage.apply_in_slices(state, [tick(count, START + 40 * DAY)], limits))
    assert len(slices) >= count / 20
    deleted = [key for key, value in slices[-1].changes.items() if value is None and key[:1] == b"K"]
    assert (len(deleted), slices[-1].finished_records) == (count, 1)
    assert state.time.now == START + 40 * DAY


def test_the_estimate_of_a_batch_follows_what_it_changes() -> None:
    state = ReportState(0, 1, REPORTS.rules)
    records = due_at_once(200)
    REPORTS.apply(state, records[:-1])
    assert state.changed_bytes() == 0
    *_, batch = REPORTS.apply_in_slices(state, records[-1:], LIMITS._replace(batch_bytes=2_000_000))
    changed = sum(len(value or b"") for value in batch.changes.values())
    written = sum(len(output.value or b"") for output in batch.outputs)
    assert 1_500_000 < changed + written < 2_500_000
    assert batch.finished_records == 0
    assert state.changed_bytes() == 0
