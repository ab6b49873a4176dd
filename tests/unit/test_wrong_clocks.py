"""No single wrong clock moves the time of a partition ahead, and time that ran ahead can be set back."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.internal.time_correction import TimeCorrection
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.tick import ReadTick, decode_tick
from streams.contract.wire.forms.time_correction import encode_time_correction
from streams.deciding.partition.time import EventTime, PartitionTime, ReceiptTime
from streams.deciding.reports.escalation.episodes import Cooldown, Open
from streams.deciding.reports.state import ReportState, restore_reports
from tests.unit.clock_traffic import clock_rules, duty
from tests.unit.request_traffic import (
    NOON,
    new_requests,
    removal_order,
    request_record,
    routings,
    run_requests,
)
from tests.unit.traffic import (
    DAY,
    EXTERNAL,
    HOUR,
    INTERNAL,
    MINUTE,
    START,
    Record,
    compiled,
    counted,
    escalations,
    fold,
    levels,
    of_topic,
    policy,
    report,
    run,
    tick,
)

YEAR = 365 * DAY
RULES = compiled(
    policy(min_clear_ms=10 * MINUTE, cooldown_ms=6 * HOUR),
)
DUTY = clock_rules(duty(), policies=(policy(),))


def old_tick(after: int, appended: int) -> Record:
    """A tick as older workers wrote them: without the worker's clock."""
    return tick(after, appended)._replace(value=b'{"after":%d}' % after)


def correction(state: Any, clock: int, appended: int | None = None, wrong: int | None = None) -> Record:
    decision = TimeCorrection(
        state.time.now if wrong is None else wrong, clock, "the clock of a broker was wrong", "op-1"
    )
    value, headers = encode_time_correction(decision)
    return Record(INTERNAL, 0, 0, clock if appended is None else appended, None, value, headers)


def opened(first: int, time: int, channel: str = "c") -> list[Record]:
    """Reports that open an episode at the third one."""
    return [report(first + n, time + n, channel=channel) for n in range(3)]


# --- ticks


@pytest.mark.parametrize("ahead", ["broker", "worker"])
def test_one_wrong_clock_lapses_and_resolves_nothing(ahead: str) -> None:
    state = ReportState(0, 1, DUTY)
    run(state, DUTY, [report(n, START + n, appended=START + n) for n in range(3)])
    now = START + MINUTE
    appended, clock = (now + YEAR, now) if ahead == "broker" else (now, now + YEAR)
    outcome = run(state, DUTY, [tick(3, appended, clock=clock)])
    assert of_topic(outcome, "escalations") == []
    assert state.time.now <= now + 5 * MINUTE
    # An honest report still counts, at its own time.
    [enriched] = of_topic(run(state, DUTY, [report(3, now, appended=now)]), "enriched-reports")
    assert enriched["counted"]
    assert enriched["channel_windows"][0]["reports"] == 4


def test_one_wrong_clock_lapses_no_clock_of_a_request() -> None:
    state = new_requests()
    run_requests(state, [request_record(removal_order())])
    record = tick(1, NOON + YEAR, clock=NOON + MINUTE)._replace(topic="authority-requests-internal")
    assert routings(run_requests(state, [record])) == []
    assert state.time.now <= NOON + 6 * MINUTE


def test_a_broker_that_is_behind_only_slows_time_down() -> None:
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(0, START)])
    run(state, RULES, [tick(1, START + MINUTE, clock=START + HOUR)])
    assert state.time.now == START + MINUTE
    run(state, RULES, [tick(1, START - YEAR, clock=START + HOUR)])
    assert state.time.now == START + MINUTE


def test_ticks_of_older_workers_are_read_as_before() -> None:
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(0, START), old_tick(1, START + YEAR)])
    assert state.time.now == START + YEAR


moments = st.integers(0, 3 * YEAR) | st.integers(YEAR, YEAR + DAY)


@pytest.mark.parametrize("kind", [EventTime, ReceiptTime])
@settings(max_examples=300)
@given(steps=st.lists(st.tuples(st.booleans(), moments, moments | st.none()), min_size=1, max_size=30))
def test_time_is_bounded_by_both_clocks(
    kind: type[PartitionTime], steps: list[tuple[bool, int, int | None]]
) -> None:
    """Whatever the clocks show: time is at most five minutes ahead of an append time that both of them allow."""
    time = kind()
    latest = 0
    for is_tick, appended, other in steps:
        if is_tick:
            read = decode_tick(tick(time.applied, appended, clock=other or 0))
            assert isinstance(read, ReadTick)
            if time.honours(read.after):
                time.reach(time.honour_tick(read.appended))
                latest = max(latest, min(appended, (other or 0) + 5 * MINUTE))
        else:
            # A report is at most five minutes ahead of its append time, or it is a dead letter.
            moment = min(other if other is not None else appended, appended + 5 * MINUTE)
            time.reach(time.after(moment, appended))
            time.count_applied()
            latest = max(latest, appended)
        assert time.now <= latest + 5 * MINUTE


# --- setting time back


def poisoned(rules: Any = RULES, by: int = YEAR) -> tuple[ReportState, dict[bytes, bytes]]:
    """A partition with an open episode, in which an old tick then moved time ahead."""
    state, stored = ReportState(0, 1, rules), {}
    fold(stored, run(state, rules, opened(0, START)).changes)
    fold(stored, run(state, rules, [old_tick(3, START + by)]).changes)
    assert state.time.now >= START + by
    return state, stored


@pytest.mark.parametrize("by", [2 * HOUR, 26 * HOUR, 3 * DAY, YEAR])
def test_after_a_correction_honest_reports_count_again_and_open_an_escalation(by: int) -> None:
    state, stored = poisoned(by=by)
    honest = START + 30 * MINUTE
    if by == YEAR:
        late = run(state, RULES, opened(10, honest, channel="late"))
        assert counted(late)["late"] == 3
        assert escalations(late) == []

    fold(stored, run(state, RULES, [correction(state, honest)]).changes)
    for corrected in (state, restore_reports(0, 1, RULES, stored.items())):
        assert corrected.time.now == honest
        # A new channel, and the one whose episode the wrong time resolved.
        for channel, first in (("new", 20), ("c", 30)):
            outcome = run(corrected, RULES, opened(first, honest + MINUTE, channel=channel))
            assert all(event["counted"] for event in of_topic(outcome, "enriched-reports"))
            assert [event[0] for event in escalations(outcome)] == ["opened"]
        assert corrected.time.now == honest + MINUTE + 2


def test_ticks_go_on_from_the_corrected_time() -> None:
    state, _ = poisoned()
    run(state, RULES, [correction(state, START + HOUR, appended=START + HOUR + 7)])
    run(state, RULES, [tick(3, START + HOUR + 7 + MINUTE)])
    assert state.time.now == START + HOUR + MINUTE


def test_a_clock_that_lapsed_stays_lapsed() -> None:
    state = ReportState(0, 1, DUTY)
    run(state, DUTY, [report(0, START), report(1, START, channel="d")])
    lapsed = run(state, DUTY, [old_tick(2, START + YEAR)])
    assert [event["reason"] for event in of_topic(lapsed, "escalations")].count("clock_lapsed") == 2
    assert run(state, DUTY, [correction(state, START + HOUR)]).outputs == []
    assert state.clocks.by_status == {"running": 0, "lapsed": 2}
    assert state.next_due() is None or state.next_due() >= START + 2 * HOUR
    # A clock that is armed now runs for its own time.
    run(state, DUTY, [report(2, START + HOUR, channel="e")])
    assert state.clocks.by_status == {"running": 1, "lapsed": 2}


def test_an_episode_that_became_clear_later_is_open_and_judged_anew() -> None:
    rules = compiled(policy(min_clear_ms=2 * DAY))
    state = ReportState(0, 1, rules)
    run(state, rules, opened(0, START))
    run(state, rules, [old_tick(3, START + DAY)])
    [[episode]] = [each.values() for each in state.episodes.values()]
    assert isinstance(episode, Open)
    assert episode.clear_since is not None
    run(state, rules, [correction(state, START + 10 * MINUTE)])
    assert episode.clear_since is None
    assert state.next_due() == START + 15 * MINUTE
    # It becomes clear when its reports leave the window, and resolves after that.
    run(state, rules, [tick(3, START + 2 * HOUR)])
    assert episode.clear_since == START + HOUR
    assert [event[0] for event in escalations(run(state, rules, [tick(3, START + 3 * DAY)]))] == ["resolved"]


def test_a_cooldown_that_began_before_the_corrected_time_stays() -> None:
    state = ReportState(0, 1, RULES)
    run(state, RULES, opened(0, START))
    run(state, RULES, [tick(3, START + 2 * HOUR)])
    [[cooldown]] = [each.values() for each in state.episodes.values()]
    assert isinstance(cooldown, Cooldown)
    run(
        state,
        RULES,
        [
            old_tick(3, cooldown.until - MINUTE),
            correction(state, START + 3 * HOUR, wrong=cooldown.until - MINUTE),
        ],
    )
    assert [[*each.values()] for each in state.episodes.values()] == [[cooldown]]


def test_counts_of_wrong_times_are_forgotten_and_earlier_ones_kept() -> None:
    state, stored = ReportState(0, 1, RULES), {}
    records = [
        report(0, START),
        report(1, START + YEAR, category="fraud"),
        report(2, START + YEAR, channel="d"),
    ]
    fold(stored, run(state, RULES, records[:1]).changes)
    fold(stored, run(state, RULES, [old_tick(1, START + 20 * MINUTE), *records[1:]]).changes)
    outcome = run(state, RULES, [correction(state, START + 30 * MINUTE)])
    assert outcome.changes[b"Kd\0spam"] is None
    assert outcome.changes[b"Kc\0fraud"] is None
    assert b"Kd\0spam" not in dict(state.counts.drain_changes())
    fold(stored, outcome.changes)
    assert len(restore_reports(0, 1, RULES, stored.items()).counts) == len(state.counts)


def test_counts_expire_by_what_is_left_of_them() -> None:
    state, stored = ReportState(0, 1, RULES), {}
    fold(stored, run(state, RULES, [report(0, START), report(1, START + 20 * DAY)]).changes)
    assert state.counts.next_expiry() == START + 51 * DAY
    fold(stored, run(state, RULES, [correction(state, START + HOUR)]).changes)
    restored = restore_reports(0, 1, RULES, stored.items())
    assert state.counts.next_expiry() == restored.counts.next_expiry() == START + 31 * DAY
    assert state.next_due() == restored.next_due()
    changes = run(state, RULES, [tick(2, START + 31 * DAY)]).changes
    assert changes[b"Kc\0spam"] is None


@pytest.mark.parametrize(
    ("clock", "appended", "wrong"),
    [
        # The broker that appended it does not agree with the clock in it.
        (START + HOUR, START + HOUR + YEAR, None),
        (START + HOUR, START + HOUR - 6 * MINUTE, None),
        # Time is not as far ahead as the operator saw it: it was corrected already.
        (START + HOUR, START + HOUR, START + 2 * YEAR),
        # Time is not ahead of the clock.
        (START + YEAR, START + YEAR, None),
        (START + 2 * YEAR, START + 2 * YEAR, None),
        (START + HOUR, START + HOUR, START + HOUR + 10 * MINUTE),
    ],
)
def test_a_correction_that_makes_no_sense_is_ignored(clock: int, appended: int, wrong: int | None) -> None:
    state, _ = poisoned()
    before = (state.time.now, state.time.newest_append, state.time.corrections)
    outcome = run(state, RULES, [correction(state, clock, appended, wrong)])
    assert counted(outcome) == {"corrections_ignored": 1}
    assert (state.time.now, state.time.newest_append, state.time.corrections) == before


def test_a_correction_that_is_written_twice_or_read_late_takes_effect_once() -> None:
    state, _ = poisoned()
    first, second = correction(state, START + HOUR), correction(state, START + 2 * HOUR)
    # Between the two, reports move time beyond the clock of the second one.
    outcome = run(state, RULES, [first, report(7, START + 8 * HOUR), second])
    assert counted(outcome)["time_corrected"] == counted(outcome)["corrections_ignored"] == 1
    assert state.time.now == START + 8 * HOUR


def test_a_record_of_a_publisher_corrects_nothing() -> None:
    state, _ = poisoned()
    now = state.time.now
    forged = correction(state, START + HOUR)
    rekeyed = forged._replace(headers=[*forged.headers, ("tocsin-origin", b"message-reports/0/0/0")])
    outcome = run(state, RULES, [forged._replace(topic=EXTERNAL), rekeyed])
    assert outcome.counters.dead_letters.total() == 2
    assert state.time.now == now


def test_a_correction_of_requests() -> None:
    state = new_requests()
    run_requests(state, [request_record(removal_order())])
    internal = "authority-requests-internal"
    run_requests(state, [old_tick(1, NOON + YEAR)._replace(topic=internal)])
    assert state.time.now == NOON + YEAR
    run_requests(state, [correction(state, NOON + HOUR)._replace(topic=internal)])
    assert state.time.now == NOON + HOUR
    late = removal_order(request_id="q-2", received_at=rfc3339(NOON + 2 * HOUR))
    outcome = run_requests(state, [request_record(late)._replace(timestamp=NOON + 2 * HOUR)])
    assert len(routings(outcome)) == 1
    assert state.time.now == NOON + 2 * HOUR


def test_daily_counters_add_up_over_a_correction() -> None:
    state = ReportState(0, 1, RULES)
    published: dict[bytes, bytes] = {}

    def apply(*records: Record) -> None:
        nonlocal state
        outcome = run(state, RULES, records)
        published.update((o.key, o.value) for o in outcome.outputs if o.topic == "transparency-counters")
        fold(stored, outcome.changes)
        state = restore_reports(0, 1, RULES, stored.items())

    stored: dict[bytes, bytes] = {}
    apply(*opened(0, START))
    apply(old_tick(3, START + YEAR), *opened(10, START + HOUR, channel="late"))
    apply(correction(state, START + HOUR))
    apply(*opened(20, START + HOUR, channel="d"))
    apply(report(30, START + 2 * HOUR), report(31, START + DAY))
    counters = [msgspec.json.decode(value) for value in published.values()]
    assert sum(cell["count"] for counter in counters for cell in counter["reports"]) == 3 + 3 + 3 + 2
    # The day is counted in two parts; the second does not replace the first.
    today = [counter for counter in counters if counter["date"] == rfc3339(START)[:10]]
    assert sorted(sum(cell["count"] for cell in counter["reports"]) for counter in today) == [3, 4]


# --- invariants on random traffic

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["report"] * 6 + ["tick", "tick", "wrong tick", "wrong report", "correction", "correction"]
        ),
        st.sampled_from([0, 0, 1, 7, 70, 1_500]),
        st.sampled_from([10 * MINUTE, 2 * HOUR, 2 * DAY, 40 * DAY]),
        st.integers(0, 2),
        st.sampled_from(["spam", "fraud"]),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=40,
)
BOTH = compiled(
    policy(levels=levels({"reports": 1}, {"reports": 4}), min_clear_ms=MINUTE, cooldown_ms=2 * HOUR),
    policy(
        id="pair",
        mode="shadow",
        categories=("spam", "fraud"),
        window="PT24H",
        window_ms=DAY,
        levels=levels({"distinct_reporters": 2}),
    ),
)


@settings(max_examples=200)
@given(steps=steps, restored=st.sets(st.integers(0, 40)))
def test_the_state_is_sound_after_corrections_and_restores_leave_no_trace(
    steps: list[tuple[Any, ...]], restored: set[int]
) -> None:
    state, other = ReportState(0, 1, BOTH), ReportState(0, 1, BOTH)
    stored: dict[bytes, bytes] = {}
    other_stored: dict[bytes, bytes] = {}
    clock = START
    for number, (kind, minutes, ahead, channel, category, reporter) in enumerate(steps):
        clock += minutes * MINUTE
        fields = {
            "category": category,
            "reporter": {"kind": "user", "ref": f"u{reporter}"},
            "message_ref": f"m{reporter}",
        }
        if kind == "tick":
            record = tick(state.time.applied, clock, number)
        elif kind == "wrong tick":
            record = old_tick(state.time.applied, clock + ahead)
        elif kind == "correction":
            record = correction(state, clock)
        else:
            time = clock + (ahead if kind == "wrong report" else 0)
            record = report(number, time, offset=number, channel=f"c{channel}", **fields)
        outcome = run(state, BOTH, [record])
        fold(stored, outcome.changes)
        again = run(other, BOTH, [record])
        fold(other_stored, again.changes)
        assert again.outputs == outcome.outputs
        assert other_stored == stored
        if number in restored:
            other = restore_reports(0, 1, BOTH, reversed(list(other_stored.items())))
        if counted(outcome).get("time_corrected"):
            assert (state.time.now, state.time.newest_append) == (clock, clock)
        due = state.next_due()
        assert due is None or due > state.time.now
        assert other.next_due() == due
        for key in [key for key in stored if key.startswith(b"K")]:
            entry = state.counts.find(key)
            assert entry is not None
            assert is_sound(entry.counts, state.time.now)
        for of_channel in state.episodes.values():
            for episode in of_channel.values():
                if isinstance(episode, Open):
                    assert episode.clear_since is None or episode.clear_since <= state.time.now
    # From here on the clocks are right: a report counts, and after the correction time is that of the report.
    run(state, BOTH, [correction(state, clock)])
    if state.time.now <= clock + 5 * MINUTE:
        [enriched] = of_topic(run(state, BOTH, [report(999, clock, channel="last")]), "enriched-reports")
        assert enriched["counted"]


def is_sound(counts: Any, now: int) -> bool:
    """Panes are in order and not in the future, and the reporters kept in each are those in the map."""
    starts = [pane.start for pane in counts._panes]
    seen = list((counts._last_seen or {}).values())
    return (
        starts == sorted(set(starts))
        and all(start * 5 * MINUTE <= now for start in starts)
        and sum(pane.kept for pane in counts._panes) == len(seen)
        and all(not starts or start >= starts[0] for start in seen)
    )
