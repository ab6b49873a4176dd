"""Counts against a model that keeps every report. The stored bytes depend on the reports alone."""

import random
import sys

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.contract.wire.state_records import STATE_VERSION, UnknownStateVersion
from streams.counting.seen import distinct
from streams.counting.coordination.clusters import ClusterSums
from streams.counting.counts import ChannelCounts
from streams.counting.seen.earlier import MOST_EARLIER
from streams.counting.panes import RunningSum
from streams.counting.seen.repeats import MOST_REPEATS
from streams.counting.sums import StampedSums, WindowCounts
from streams.counting.windows import FINE_MS, RINGS, WindowSpec, latest_start, window_spec

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
T0 = 20_000 * DAY
KINDS = ("user", "trusted_flagger", "automated", "state_actor", "anonymous")
EVERY_WINDOW = [WindowSpec(ring, panes, "") for ring in range(3) for panes in range(1, RINGS[ring].panes + 1)]
PT1H, P1D, P7D = window_spec(HOUR, "PT1H"), window_spec(DAY, "P1D"), window_spec(7 * DAY, "P7D")

times = st.sampled_from([0, 1, MINUTE, 5 * MINUTE, HOUR, DAY, 29 * DAY, 31 * DAY]) | st.integers(0, 3 * HOUR)
late = st.sampled_from([0, 0, 0, MINUTE, HOUR, DAY, 30 * DAY, 40 * DAY]) | st.integers(0, 31 * DAY)
histories = st.lists(
    st.tuples(
        times,
        late,
        st.sampled_from(KINDS),
        st.none() | st.integers(0, 30),
        st.integers(0, 1_000_000),
        st.none() | st.integers(0, 40),
    ),
    max_size=60,
)
POOL = [random.Random(1).getrandbits(64) ^ (number << 57) for number in range(31)]


def replay(history):
    """Yield the arguments of `add` for a history of steps in time."""
    now = T0
    for step, lateness, kind, reporter, risk, message in history:
        now += step
        yield (
            now - lateness,
            now,
            kind,
            None if reporter is None else POOL[reporter],
            risk,
            None if message is None else f"message-{message}",
        )


def in_window(occurred, spec, now):
    pane_ms = RINGS[spec.ring].pane_ms
    return occurred // pane_ms > now // pane_ms - spec.panes


def model(reports, spec, now):
    """Measure a window by looking at every report."""
    inside = [report for report in reports if in_window(report[0], spec, now)]
    kinds = [report[2] for report in inside]
    reporters = [report[3] for report in inside]
    return WindowCounts(
        reports=len(inside),
        distinct_reporters=len(set(reporters) - {None}),
        risk=sum(report[4] for report in inside),
        trusted_flaggers=kinds.count("trusted_flagger"),
        automated=kinds.count("automated"),
        state_actors=kinds.count("state_actor"),
        anonymous=kinds.count("anonymous"),
        without_ref=reporters.count(None),
    )


@settings(max_examples=120)
@given(histories, times)
def test_every_window_agrees_with_a_model_of_all_reports(history, wait):
    counts, reports, now = ChannelCounts(), [], T0
    for report in replay(history):
        now = report[1]
        held = any(
            in_window(report[0], WindowSpec(n, ring.panes + ring.late, ""), now)
            for n, ring in enumerate(RINGS)
        )
        assert counts.add(*report) is held
        if held:
            reports.append(report)
        for spec in (PT1H, P1D, P7D):
            assert counts.measure(spec, now) == model(reports, spec, now)
    for at in (now, now + wait):
        for spec in EVERY_WINDOW:
            assert counts.measure(spec, at) == model(reports, spec, at)


@settings(max_examples=120)
@given(histories, st.integers(0, 60), st.integers(0, 50), histories)
def test_turning_back_forgets_what_is_later(history, cut, minutes, more):
    """No window counts more than was reported in it, and the counts go on from the earlier time."""
    counts, reports, now = ChannelCounts(), [], T0
    for report in replay(history[:cut]):
        now = report[1]
        if counts.add(*report):
            reports.append(report)
    for spec in (PT1H, P1D, P7D):
        counts.measure(spec, now)
    for later in range(0, minutes, 5):
        wrong = now + later * MINUTE
        counts.add(wrong, wrong, "user", 1 << later, 1, f"wrong-{later}")
    before = counts.encode()
    turned = counts.turn_back(now)
    assert turned or counts.encode() == before
    assert ChannelCounts.decode(counts.encode()).encode() == counts.encode()
    last = now // (5 * MINUTE)
    wrong_in_pane = [
        (now + later * MINUTE, 0, "user", 1 << later, 1, "")
        for later in range(0, minutes, 5)
        if (now + later * MINUTE) // (5 * MINUTE) == last
    ]
    for report in replay([(step, 0, *rest) for step, _, *rest in more]):
        moved = (report[0] - T0 + now, report[1] - T0 + now, *report[2:])
        assert counts.add(*moved)
        reports.append(moved)
        for spec in (PT1H, P1D, P7D):
            assert counts.measure(spec, moved[1]).reports <= len(
                [r for r in reports + wrong_in_pane if in_window(r[0], spec, moved[1])]
            )


def test_sums_that_a_wrong_time_moved_on_are_computed_anew():
    counts = ChannelCounts()
    for minute in range(0, 30, 5):
        counts.add(T0 + minute * MINUTE, T0 + minute * MINUTE, "user", POOL[minute // 5], 1, None)
    now = T0 + 25 * MINUTE
    before = counts.measure(PT1H, now)
    # A step of an episode at the wrong time measures without a report.
    assert counts.measure(PT1H, now + 30 * DAY).reports == 0
    assert not counts.turn_back(now)
    assert counts.measure(PT1H, now) == before


def test_reporters_of_a_folded_pane_stay_with_it():
    counts = ChannelCounts()
    for number, minute in enumerate((10, 40, 920)):
        counts.add(T0 + minute * MINUTE, T0 + minute * MINUTE, "user", POOL[number], 1, None)
    # The first two were folded into the pane of an hour, which begins before the new time.
    assert counts.turn_back(T0 + 20 * MINUTE)
    found = counts.measure(P1D, T0 + 20 * MINUTE)
    assert (found.reports, found.distinct_reporters) == (2, 2)
    for number in range(2):
        counts.add(T0 + 21 * MINUTE, T0 + 21 * MINUTE, "user", POOL[number], 1, None)
    found = counts.measure(P1D, T0 + 21 * MINUTE)
    assert (found.reports, found.distinct_reporters) == (4, 2)


def test_turning_back_by_minutes_leaves_exactly_the_earlier_panes():
    counts = ChannelCounts()
    for minute in range(0, 40, 5):
        at = T0 + minute * MINUTE
        counts.add(at, at, "user", POOL[minute // 5], 1, f"m{minute}")
    # Seen before and again later: the earlier pane no longer knows of it.
    counts.add(T0 + 35 * MINUTE, T0 + 35 * MINUTE, "user", POOL[0], 1, "m0")
    assert counts.measure(PT1H, T0 + 35 * MINUTE).reports == 9
    assert counts.turn_back(T0 + 17 * MINUTE)
    found = counts.measure(PT1H, T0 + 17 * MINUTE)
    assert (found.reports, found.distinct_reporters) == (4, 3)
    assert [ref for ref, _ in counts.messages(PT1H, T0 + 17 * MINUTE)] == ["m10", "m15", "m5"]
    assert counts.newest_pane_ms() == T0 + 15 * MINUTE
    assert not counts.turn_back(T0 + 17 * MINUTE)


@pytest.mark.parametrize("sample", [2, 2048])
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, choices=st.lists(st.integers(0, 7), min_size=60, max_size=60))
def test_restoring_and_measuring_at_any_point_changes_neither_results_nor_bytes(
    monkeypatch, sample, history, choices
):
    monkeypatch.setattr(distinct, "SAMPLE", sample)
    plain, disturbed, now = ChannelCounts(), ChannelCounts(), T0
    for report, choice in zip(replay(history), choices, strict=False):
        now = report[1]
        assert disturbed.add(*report) == plain.add(*report)
        if choice & 1:
            disturbed.encode()
        if choice & 2:
            disturbed = ChannelCounts.decode(memoryview(disturbed.encode()))
        if choice & 4:
            for spec in (PT1H, P1D, P7D):
                disturbed.measure(spec, now)
            disturbed.messages(P1D, now)
    data = plain.encode()
    assert disturbed.encode() == data
    assert ChannelCounts.decode(data).encode() == data
    for spec in EVERY_WINDOW:
        assert disturbed.measure(spec, now + HOUR) == plain.measure(spec, now + HOUR)
        assert disturbed.messages(spec, now) == plain.messages(spec, now)
    assert plain.encode() == data


def test_a_sampled_channel_is_restored_exactly():
    rng = random.Random(4)
    pool = [rng.getrandbits(64) for _ in range(15_000)]
    plain, restored = ChannelCounts(), ChannelCounts()
    for number in range(40_000):
        at = T0 + number * 40 * DAY // 40_000
        report = (at - rng.choice([0, 0, 0, DAY]), at, "user", rng.choice(pool), 1, f"m{rng.randrange(99)}")
        plain.add(*report)
        restored.add(*report)
        if number % 2500 == 0:
            restored = ChannelCounts.decode(restored.encode())
            restored.measure(P7D, at)
    assert restored.encode() == plain.encode()
    assert len(plain.encode()) < 9 * len(pool)


def test_reports_older_than_the_rings_leave_no_trace():
    rng = random.Random(6)
    past, fresh = ChannelCounts(), ChannelCounts()
    for number in range(20_000):
        past.add(
            T0 + number * HOUR // 100,
            T0 + number * HOUR // 100,
            "user",
            rng.getrandbits(64),
            1,
            f"p{number % 50}",
        )
    later = T0 + 200 * HOUR + 31 * DAY
    for number in range(3000):
        report = (later + number, later + number, "user", rng.getrandbits(64), 1, f"m{number % 40}")
        past.add(*report)
        fresh.add(*report)
    assert past.encode() == fresh.encode()


def test_measuring_after_each_report_sums_the_panes_once(monkeypatch):
    fresh_sums = []
    of = RunningSum.of
    monkeypatch.setattr(RunningSum, "of", lambda *arguments: fresh_sums.append(arguments) or of(*arguments))
    counts = ChannelCounts()
    for number in range(40):
        counts.add(T0 + number * 20 * HOUR, T0 + number * 20 * HOUR, "user", number, 1, None)
    for number in range(400):
        at = T0 + 40 * 20 * HOUR + number * 20 * MINUTE
        counts.add(at - number % 3 * HOUR, at, "user", number % 90, 1, None)
        for spec in (PT1H, P1D, P7D):
            counts.measure(spec, at)
    assert len(fresh_sums) == 3


def test_a_sliding_window_counts_a_burst_across_an_hour_boundary_as_one():
    counts = ChannelCounts()
    boundary = T0 + 10 * HOUR
    for number in range(40):
        at = boundary - 20 * MINUTE + number * MINUTE
        counts.add(at, at, "user", number, 500_000, "message")
        if at == boundary - MINUTE:
            assert counts.measure(PT1H, at).reports == 20
    now = boundary + 19 * MINUTE
    assert counts.measure(window_spec(20 * MINUTE, "PT20M"), now).reports == 20
    assert counts.measure(PT1H, now) == WindowCounts(reports=40, distinct_reporters=40, risk=20_000_000)
    assert counts.messages(PT1H, now) == [("message", 40)]


@settings(max_examples=120)
@given(
    histories, st.integers(0, 13 * HOUR), st.lists(st.sampled_from(EVERY_WINDOW), max_size=4), st.booleans()
)
def test_a_window_of_the_past_agrees_with_a_model_of_all_reports(history, back, more, restored):
    """Whatever came later, and from whomever: also of reporters who were seen again since."""
    counts, reports, now = ChannelCounts(), [], T0
    for report in replay(history):
        now = report[1]
        if counts.add(*report):
            reports.append(report)
        for spec in (PT1H, P1D, P7D):
            counts.measure(spec, now)
    if restored:
        counts = ChannelCounts.decode(counts.encode())
    end = now - back
    for spec in (PT1H, P1D, P7D, *more):
        pane_ms = RINGS[spec.ring].pane_ms
        if not counts.is_whole(spec, end):
            assert now // pane_ms - end // pane_ms > RINGS[spec.ring].late
            continue
        until = [report for report in reports if report[0] // pane_ms <= end // pane_ms]
        assert counts.measure(spec, end) == model(until, spec, end)
        assert counts.measure(spec, now) == model(reports, spec, now)


@settings(max_examples=120)
@given(histories, st.integers(0, 13 * HOUR), st.sampled_from([PT1H, P1D, P7D]))
def test_the_ends_of_the_windows_that_a_late_report_is_in(history, late_by, spec):
    counts, occurred, now = ChannelCounts(), [], T0
    for report in replay(history):
        now = report[1]
        if counts.add(*report):
            occurred.append(report[0])
    late = now - late_by
    if not counts.add(late, now, "user", 1, 1, None):
        return
    pane_ms = RINGS[spec.ring].pane_ms
    panes = {at // pane_ms for at in [*occurred, late]}
    expected = [
        pane
        for pane in sorted(panes)
        if late // pane_ms <= pane < min(late // pane_ms + spec.panes, now // pane_ms)
    ]
    most = counts.most_reports(spec, late, now)
    for end in expected:
        inside = [at for at in [*occurred, late] if end - spec.panes < at // pane_ms <= end]
        assert len(inside) <= most
    if latest_start(spec.ring, now // FINE_MS) * FINE_MS <= late:
        assert [end // pane_ms for end in counts.later_ends(spec, late, now)] == expected


def test_an_earlier_version_folded_panes_that_windows_of_the_past_need():
    counts = ChannelCounts()
    counts.add(T0, T0, "user", POOL[1], 1, None)
    counts.add(T0 + 9 * HOUR, T0 + 9 * HOUR, "user", POOL[1], 1, None)
    assert counts.is_whole(PT1H, T0 + HOUR)
    fields = msgspec.msgpack.decode(counts.encode()[1:])
    old = ChannelCounts.decode(STATE_VERSION + msgspec.msgpack.encode(fields[:6]))
    assert not old.is_whole(PT1H, T0 + 8 * HOUR)
    assert not ChannelCounts.decode(old.encode()).is_whole(PT1H, T0 + 8 * HOUR)
    assert old.is_whole(PT1H, T0 + 9 * HOUR)
    assert old.is_whole(window_spec(2 * HOUR, "PT2H"), T0 + 8 * HOUR)


def test_turning_back_leaves_no_window_whole_that_was_folded():
    counts = ChannelCounts()
    counts.add(T0 + 10 * MINUTE, T0 + 10 * MINUTE, "user", POOL[1], 1, None)
    counts.add(T0 + 20 * HOUR, T0 + 20 * HOUR, "user", POOL[2], 1, None)
    assert counts.turn_back(T0 + 2 * HOUR)
    assert not counts.is_whole(PT1H, T0 + HOUR)


def test_pairs_of_reporters_who_report_again_are_bounded():
    counts = ChannelCounts()
    for minute in range(0, 12 * 60, 5):
        for reporter in range(100):
            counts.add(T0 + minute * MINUTE, T0 + minute * MINUTE, "user", POOL[3] + reporter, 1, None)
    assert len(counts._earlier) <= MOST_EARLIER
    # The newest are kept: who was seen 35 minutes ago is known to have been.
    assert counts.measure(PT1H, T0 + 11 * HOUR + 20 * MINUTE).distinct_reporters == 100


def test_a_late_report_counts_only_in_rings_that_still_hold_its_time():
    counts = ChannelCounts()
    counts.add(T0, T0, "user", 1, 10, "a")
    assert counts.add(T0 - 2 * HOUR, T0, "trusted_flagger", 2, 20, "b")
    assert counts.add(T0 - 3 * DAY, T0, "anonymous", None, 30, None)
    assert counts.measure(PT1H, T0) == WindowCounts(reports=1, distinct_reporters=1, risk=10)
    assert counts.measure(P1D, T0) == WindowCounts(
        reports=2, distinct_reporters=2, risk=30, trusted_flaggers=1
    )
    assert counts.measure(P7D, T0) == WindowCounts(
        reports=3, distinct_reporters=2, risk=60, trusted_flaggers=1, anonymous=1, without_ref=1
    )
    before = counts.encode()
    assert not counts.add(T0 - 31 * DAY, T0, "user", 3, 40, "c")
    assert counts.encode() == before


def test_counts_are_empty_once_their_newest_day_leaves_the_longest_window():
    counts = ChannelCounts()
    month = window_spec(30 * DAY, "P30D")
    counts.add(T0 + 5 * HOUR, T0 + 5 * HOUR, "user", 1, 1, "m")
    empty_at = T0 + 30 * DAY
    assert counts.measure(month, empty_at - 1).reports == 1
    assert counts.measure(month, empty_at) == WindowCounts()
    counts.add(T0 + 40 * DAY, T0 + 40 * DAY, "user", 2, 1, None)
    assert counts.messages(month, T0 + 40 * DAY) == []
    fresh = ChannelCounts()
    fresh.add(T0 + 40 * DAY, T0 + 40 * DAY, "user", 2, 1, None)
    assert counts.encode() == fresh.encode()


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x02" + b"rest", memoryview(b"\xff")])
def test_counts_of_another_version_are_refused(data):
    with pytest.raises(UnknownStateVersion):
        ChannelCounts.decode(data)


def test_the_bytes_begin_with_the_version():
    assert ChannelCounts().encode()[:1] == STATE_VERSION


def retained(one, seen):
    """The size in bytes of an object and of all that only it refers to."""
    if id(one) in seen or one is None or isinstance(one, type):
        return 0
    seen.add(id(one))
    size = sys.getsizeof(one)
    if isinstance(one, dict):
        return size + sum(retained(part, seen) for entry in one.items() for part in entry)
    if isinstance(one, list):
        return size + sum(retained(part, seen) for part in one)
    names = getattr(one, "__struct_fields__", None) or getattr(type(one), "__slots__", ())
    return size + sum(retained(getattr(one, name), seen) for name in names)


def test_a_channel_with_one_report_takes_little_memory():
    counts = ChannelCounts()
    counts.add(T0, T0, "user", POOL[3], 123_456, "m" * 52)
    data = counts.encode()
    assert len(data) <= 150
    restored = ChannelCounts.decode(data)
    for spec in (PT1H, P1D, P7D):
        restored.measure(spec, T0)
    assert retained(restored, set()) < 1050


def fill(counts, reporters):
    """Fill all panes: each counter above 2**32, 32 messages with the longest refs, reporters over 30 days."""
    big = 2**33
    for number, reporter in enumerate(reporters):
        at = T0 + number * 30 * DAY // len(reporters)
        counts.add(at, at, KINDS[number % 5], reporter, 0, f"{number % 32:0>128}")
    for pane in counts._panes:
        pane.reports = pane.trusted_flaggers = pane.automated = pane.state_actors = pane.anonymous = big
        pane.without_ref = big
        pane.risk = big * 10**6
    return counts.encode()


@pytest.mark.slow
def test_a_channel_with_many_reporters_fits_into_a_small_message():
    rng = random.Random(9)
    data = fill(ChannelCounts(), [rng.getrandbits(64) for _ in range(300_000)])
    assert len(data) < 300_000


def test_the_largest_state_fits_into_the_default_maximum_message(monkeypatch):
    # A thinned map holds at most SAMPLE (1 + ln(N / SAMPLE)) of N reporters, and is thinned out again at
    # twice that: 58,000 for a thousand million reporters within 30 days.
    most = 58_000
    monkeypatch.setattr(distinct, "SAMPLE", most)
    rng = random.Random(9)
    data = fill(ChannelCounts(), [rng.getrandbits(64) for _ in range(most)])
    assert 9 * most < len(data) < 9 * most + 22_000 < 2**20


def test_when_the_risk_of_a_reporter_was_last_counted_outlives_further_reports_and_restores():
    counts = ChannelCounts()
    minutes = 5 * MINUTE

    def report(at, counted_at=None):
        counts.note_risk(POOL[1], counted_at)
        counts.add(at, at, "user", POOL[1], 0, None)
        counts.add_stamped(at, StampedSums(1, ClusterSums(1, 0, 0, 1)))

    assert counts.risk_counted_at(POOL[1]) is None
    report(T0)
    first = T0 // minutes
    assert (counts.risk_counted_at(POOL[1]), counts.risk_counted_at(POOL[2])) == (first, None)
    report(T0 + 2 * DAY, first)
    counts = ChannelCounts.decode(counts.encode())
    assert counts.risk_counted_at(POOL[1]) == first
    assert counts.rename_reporter(POOL[1], POOL[2])
    assert (counts.risk_counted_at(POOL[1]), counts.risk_counted_at(POOL[2])) == (None, first)
    assert counts.rename_reporter(POOL[2], POOL[1])
    report(T0 + 9 * DAY)
    assert counts.risk_counted_at(POOL[1]) == (T0 + 9 * DAY) // minutes
    report(T0 + 10 * DAY, (T0 + 9 * DAY) // minutes)
    assert counts.turn_back(T0 + 8 * DAY)
    # What came later is forgotten. That it was counted in what is left must not be.
    assert counts.risk_counted_at(POOL[1]) == (T0 + 8 * DAY) // minutes
    assert ChannelCounts.decode(counts.encode()).risk_counted_at(POOL[1]) == (T0 + 8 * DAY) // minutes


def test_reporters_who_report_again_take_bounded_memory_and_never_count_more():
    counts = ChannelCounts()
    pool = [random.Random(2).getrandbits(64) + number for number in range(MOST_REPEATS + 100)]
    for at, counted_at in ((T0, None), (T0 + DAY, T0 // (5 * MINUTE))):
        for reporter in pool:
            counts.note_risk(reporter, counted_at)
            counts.add(at, at, "user", reporter, 0, None)
    assert len(counts.encode()) < (14 + 10) * len(pool) + 9 * MOST_REPEATS
    known = [counts.risk_counted_at(reporter) for reporter in pool]
    assert known[:100] == [(T0 + DAY) // (5 * MINUTE)] * 100
    assert set(known[100:]) == {T0 // (5 * MINUTE)}


def test_what_is_known_of_a_reporter_is_the_same_after_a_restart():
    """A pane that was folded since the report is where it begins."""
    counts = ChannelCounts()
    seen = T0 + 55 * MINUTE
    counts.add(seen, seen, "user", 7, 1, None)
    later = seen + 20 * HOUR
    counts.add(later, later, "user", 8, 1, None)
    assert counts.sightings(7).panes == (T0 // FINE_MS,)
    assert ChannelCounts.decode(counts.encode()).sightings(7) == counts.sightings(7)
