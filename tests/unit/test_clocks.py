"""The state machine of a clock against a model that advances one unit of time after the other."""

import dataclasses

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.clock_outcome import OutcomeKind
from streams.contract.wire.dead_letter import Rejected
from streams.deciding.clocks.clock import (
    Clock,
    apply_outcome,
    check_outcome,
    clock_view,
    copy_of,
    due_time,
    elapsed,
    ends_by_itself,
    nearly_due,
    next_step_time,
    start_clock,
    status,
    take_step,
)
from tests.shipped import RULES as SHIPPED_RULES

ANY_ROW = SHIPPED_RULES.obligations[0]
ROW = dataclasses.replace(ANY_ROW, meaning="deadline", pausable_for=("clarification", "second_opinion"))
RESTARTING = dataclasses.replace(ROW, after_pause="restarts")
WAIT = dataclasses.replace(ANY_ROW, meaning="not_before", pausable_for=())
KEPT = dataclasses.replace(ANY_ROW, meaning="retention", pausable_for=())
FAR = 2_000


class Model:
    """Keeps pauses as spans and counts elapsed time one unit after the other."""

    def __init__(self, started: int, length: int) -> None:
        self.started = started
        self.length = length
        self.pauses: list[tuple[int, int]] = []
        self.paused_at: int | None = None
        self.taken: list[str] = []
        self.changed = started

    def run_by(self, time: int) -> int:
        spans = [*self.pauses, *([] if self.paused_at is None else [(self.paused_at, FAR)])]
        return sum(not any(begin <= unit < end for begin, end in spans) for unit in range(self.started, time))

    def thresholds(self) -> list[tuple[str, int]]:
        shares = (("half", 5), ("nine_tenths", 9), ("due", 10))
        return [(name, self.length * tenths // 10) for name, tenths in shares][len(self.taken) :]

    def next_step(self) -> int | None:
        if self.paused_at is not None or not self.thresholds():
            return None
        _, needed = self.thresholds()[0]
        return next(time for time in range(self.started, FAR) if self.run_by(time) >= needed)


moves = st.lists(
    st.tuples(
        st.integers(0, 25),
        st.sampled_from(["paused", "paused", "resumed", "resumed", None]),
        st.sampled_from(["clarification", "clarification", "second_opinion", "holiday", None]),
        st.integers(-3, 20),
    ),
    max_size=12,
)


@settings(max_examples=150)
@given(length=st.integers(1, 60), behind=st.integers(0, 30), moves=moves)
def test_a_clock_agrees_with_the_model(
    length: int, behind: int, moves: list[tuple[int, OutcomeKind | None, str | None, int]]
) -> None:
    started = 100
    clock = start_clock(ROW, started, started + length)
    model = Model(started, length)
    now = started + behind
    for passed, outcome, reason, ago in [(0, None, None, 0), *moves]:
        now += passed
        assert next_step_time(clock) == model.next_step()
        while (time := next_step_time(clock)) is not None and time <= now:
            step = take_step(clock)
            assert step == model.thresholds()[0][0]
            model.taken.append(step)
            assert next_step_time(clock) == model.next_step()
        if outcome is not None:
            at = max(model.changed, min(now, now - ago))
            running = model.paused_at is None
            fits = (
                running and reason in ROW.pausable_for and "due" not in model.taken
                if outcome == "paused"
                else not running
            )
            before = copy_of(clock)
            if not fits:
                with pytest.raises(Rejected) as refused:
                    apply_outcome(clock, outcome, reason, at=now - ago, now=now)
                assert refused.value.reason == "not_pausable"
                assert clock == before
            else:
                assert apply_outcome(clock, outcome, reason, at=now - ago, now=now) == at
                model.changed = at
                if outcome == "paused":
                    model.paused_at = at
                else:
                    assert model.paused_at is not None
                    model.pauses.append((model.paused_at, at))
                    model.paused_at = None
        expected = (
            "paused" if model.paused_at is not None else "lapsed" if "due" in model.taken else "running"
        )
        assert status(clock) == expected
        assert nearly_due(clock) == (expected == "running" and "nine_tenths" in model.taken)
        share = 1.0 if expected == "lapsed" else min(1.0, model.run_by(now) / length)
        assert elapsed(clock, now) == round(share, 6)
        assert due_time(clock) == started + length + sum(end - begin for begin, end in model.pauses)
        # The clock survives encoding for the state topic.
        clock = msgspec.msgpack.decode(msgspec.msgpack.encode(clock), type=Clock)


@settings(max_examples=150)
@given(
    length=st.integers(1, 60), pauses=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 30)), max_size=4)
)
def test_a_clock_that_restarts_is_a_new_clock_after_each_pause(
    length: int, pauses: list[tuple[int, int]]
) -> None:
    started = 100
    clock = start_clock(RESTARTING, started, started + length)
    fresh = start_clock(ROW, started, started + length)
    now = started
    for ran, paused in pauses:
        now += ran
        for each in (clock, fresh):
            while (time := next_step_time(each)) is not None and time <= now:
                take_step(each)
        if status(clock) == "lapsed":
            break
        apply_outcome(clock, "paused", "clarification", at=now, now=now)
        assert elapsed(clock, now + 5) == elapsed(fresh, now)
        now += paused
        apply_outcome(clock, "resumed", None, at=now, now=now)
        fresh = start_clock(ROW, now, now + length)
    assert (status(clock), due_time(clock), next_step_time(clock)) == (
        status(fresh),
        due_time(fresh),
        next_step_time(fresh),
    )
    assert elapsed(clock, now) == elapsed(fresh, now)
    assert clock.started == started
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(clock), type=Clock) == clock


def test_a_wait_is_over_and_still_owed() -> None:
    clock = start_clock(WAIT, 1_000, 3_000)
    assert clock_view(clock, "c1", WAIT.id, 1_500).not_before == "1970-01-01T00:00:03.000Z"
    assert next_step_time(clock) == 3_000
    assert take_step(clock) == "due"
    view = clock_view(clock, "c1", WAIT.id, 4_000)
    assert (next_step_time(clock), view.status, view.elapsed, view.not_before) == (None, "over", 1.0, None)
    check_outcome(clock, "fulfilled", None, at=5_000, now=5_000)
    assert not ends_by_itself(clock)


def test_clocks_of_earlier_versions_keep_their_bytes() -> None:
    """A deadline and a retention period are stored as before, so their state is taken over and need not be
    rewritten.
    """
    deadline, kept = start_clock(ROW, 1, 3), start_clock(KEPT, 1, 3)
    encoded = [msgspec.msgpack.decode(msgspec.msgpack.encode(clock)) for clock in (deadline, kept)]
    assert encoded == [
        [1, 2, ["clarification", "second_opinion"], False, 1, 0, 0, None],
        [1, 2, [], True, 1, 0, 0, None],
    ]


def test_a_retention_clock_takes_one_step_and_ends() -> None:
    clock = start_clock(KEPT, 1_000, 3_000)
    assert next_step_time(clock) == 3_000
    assert status(clock) == "running"
    assert take_step(clock) == "due"
    assert (next_step_time(clock), status(clock), elapsed(clock, 5_000)) == (None, "over", 1.0)


def test_the_published_form_of_a_clock() -> None:
    clock = start_clock(ROW, 1_000, 3_000)
    view = clock_view(clock, "c1", ROW.id, 1_500)
    assert msgspec.to_builtins(view) == {
        "clock_id": "c1",
        "obligation": ROW.id,
        "status": "running",
        "started_at": "1970-01-01T00:00:01.000Z",
        "due_at": "1970-01-01T00:00:03.000Z",
        "elapsed": 0.25,
    }
    apply_outcome(clock, "paused", "clarification", at=2_000, now=2_000)
    assert clock_view(clock, "c1", ROW.id, 9_000).elapsed == 0.5
    apply_outcome(clock, "resumed", None, at=4_000, now=4_000)
    assert clock_view(clock, "c1", ROW.id, 4_000).due_at == "1970-01-01T00:00:05.000Z"
    assert clock_view(clock, "c1", ROW.id, 4_000, "withdrawn").status == "withdrawn"


def test_an_ending_outcome_is_accepted_in_every_state() -> None:
    clock = start_clock(ROW, 1_000, 3_000)
    apply_outcome(clock, "paused", "clarification", at=2_000, now=2_000)
    assert apply_outcome(clock, "withdrawn", None, at=2_500, now=2_600) == 2_500
    lapsed = start_clock(ROW, 1_000, 3_000)
    while next_step_time(lapsed) is not None:
        take_step(lapsed)
    assert apply_outcome(lapsed, "fulfilled", None, at=2_900, now=9_000) == 2_900


def test_an_outcome_after_the_retention_period_is_refused() -> None:
    clock = start_clock(KEPT, 1_000, 3_000)
    check_outcome(clock, "fulfilled", None, at=2_999, now=2_999)
    with pytest.raises(Rejected) as refused:
        check_outcome(clock, "fulfilled", None, at=2_000, now=3_000)
    assert refused.value.reason == "clock_not_running"
    assert clock == start_clock(KEPT, 1_000, 3_000)
