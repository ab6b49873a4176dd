"""Distinct reporters: exact when few, within 10 % in every window, and unions of categories."""

import math
import random
from bisect import bisect_left

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.counting.seen import distinct
from streams.counting.counts import ChannelCounts
from streams.counting.categories import union_distinct
from streams.counting.panes import RunningSum
from streams.counting.sums import UNIT
from streams.counting.windows import FINE_MS, RINGS, WindowSpec, pane_start, window_start

EVERY_WINDOW = [WindowSpec(ring, panes, "") for ring in range(3) for panes in range(1, RINGS[ring].panes + 1)]
HOUR_WINDOW, DAY_WINDOW = WindowSpec(0, 12, "PT1H"), WindowSpec(1, 24, "P1D")
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
T0 = 20_000 * DAY


class Crowd:
    """A channel's counts, with the true time at which each reporter was last seen.

    Hashes are uniform and seeded.
    """

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.counts = ChannelCounts()
        self.seen = {}
        self.now = T0

    def report(self, reporter, at):
        self.now = max(self.now, at)
        if self.counts.add(at, self.now, "user", reporter, 1, None):
            self.seen[reporter] = max(at, self.seen.get(reporter, 0))

    def new(self, number, since, until):
        """Add this number of new reporters, spread evenly over the time."""
        for index in range(number):
            self.report(self.rng.getrandbits(64), since + (until - since) * index // number)

    def restore(self):
        self.counts = ChannelCounts.decode(self.counts.encode())

    def errors(self):
        """The relative error of every window with at least one reporter."""
        times = sorted(self.seen.values())
        for spec in EVERY_WINDOW:
            start = window_start(spec.ring, spec.panes, self.now // FINE_MS) * FINE_MS
            true = len(times) - bisect_left(times, start)
            measured = self.counts.measure(spec, self.now).distinct_reporters
            if true <= distinct.SAMPLE:
                assert measured == true
            else:
                yield abs(measured - true) / true

    def check(self):
        assert max(self.errors(), default=0) < 0.10


def busy_past_then_quiet_present(crowd):
    crowd.new(60_000, T0, T0 + 20 * DAY)
    crowd.check()
    crowd.new(300, T0 + 27 * DAY, T0 + 28 * DAY)
    crowd.check()
    crowd.restore()
    crowd.new(40, T0 + 28 * DAY, T0 + 28 * DAY + HOUR)
    crowd.check()


def one_flood_then_several_quiet_hours(crowd):
    crowd.new(50_000, T0, T0 + 4 * MINUTE)
    crowd.check()
    for hour in range(1, 30):
        crowd.new(300, T0 + hour * HOUR, T0 + hour * HOUR + 50 * MINUTE)
        if hour % 7 == 0:
            crowd.check()
            crowd.restore()


def growing(crowd):
    for day in range(30):
        crowd.new(int(20 * 1.3**day), T0 + day * DAY, T0 + (day + 1) * DAY - 1)
        if day % 5 == 4:
            crowd.check()
    crowd.check()


def shrinking(crowd):
    for day in range(30):
        crowd.new(int(15_000 * 0.75**day) + 5, T0 + day * DAY, T0 + (day + 1) * DAY - 1)
        if day % 5 == 4:
            crowd.check()


def bursts(crowd):
    for number in range(200):
        at = T0 + number * 3 * HOUR + crowd.rng.randrange(2 * HOUR)
        crowd.new(crowd.rng.choice([1, 10, 100, 2000]), at, at + crowd.rng.choice([1, 4 * MINUTE, HOUR]))
        if number % 20 == 19:
            crowd.check()


def returning(crowd):
    pool = [crowd.rng.getrandbits(64) for _ in range(25_000)]
    for number in range(120_000):
        # Some reporters return often, most seldom, a few with late reports.
        reporter = pool[int(len(pool) * crowd.rng.random() ** 2)]
        late = crowd.rng.choice([0] * 20 + [HOUR, DAY])
        crowd.report(reporter, T0 + number * 35 * DAY // 120_000 - late)
        if number % 20_000 == 19_999:
            crowd.check()
            crowd.restore()


def everybody_returns_at_once(crowd):
    pool = [crowd.rng.getrandbits(64) for _ in range(20_000)]
    for index, reporter in enumerate(pool):
        crowd.report(reporter, T0 + index * 2 * DAY // len(pool))
    crowd.check()
    for index, reporter in enumerate(pool[:15_000]):
        crowd.report(reporter, T0 + 5 * DAY + index * 10)
    crowd.check()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(
    "shape",
    [
        busy_past_then_quiet_present,
        one_flood_then_several_quiet_hours,
        growing,
        shrinking,
        bursts,
        returning,
        everybody_returns_at_once,
    ],
)
def test_every_window_stays_within_ten_percent(shape, seed):
    shape(Crowd(seed))


def test_up_to_the_sample_size_every_window_is_exact():
    crowd = Crowd(3)
    for count in (1024, 1024):
        crowd.new(count, crowd.now + HOUR, crowd.now + 3 * HOUR)
        crowd.restore()
    assert max(crowd.errors(), default=0) == 0
    assert crowd.counts.measure(DAY_WINDOW, crowd.now).distinct_reporters == 2048 == distinct.SAMPLE


@pytest.mark.slow
def test_the_standard_error_is_as_documented(monkeypatch):
    monkeypatch.setattr(distinct, "SAMPLE", 128)
    squares = {DAY_WINDOW: [], HOUR_WINDOW: []}
    for seed in range(300):
        crowd = Crowd(seed)
        crowd.counts = ChannelCounts(_limit=128)
        crowd.new(600, T0, T0 + 3 * HOUR)
        crowd.new(500, T0 + 3 * HOUR, T0 + 3 * HOUR + 40 * MINUTE)
        for spec, true in ((DAY_WINDOW, 1100), (HOUR_WINDOW, None)):
            start = window_start(spec.ring, spec.panes, crowd.now // FINE_MS) * FINE_MS
            true = sum(at >= start for at in crowd.seen.values())
            squares[spec].append((crowd.counts.measure(spec, crowd.now).distinct_reporters / true - 1) ** 2)
    for of_window in squares.values():
        error = math.sqrt(sum(of_window) / len(of_window))
        # An error near zero would mean that the counts were not sampled.
        assert 0.2 / math.sqrt(128) < error < 1.1 / math.sqrt(128)


def assert_sample_follows_the_weights(counts, seen, now_ms):
    """The map holds exactly the reporters below the bound of the pane in which they were last seen."""
    now = now_ms // FINE_MS
    panes = {pane.start: pane for pane in counts._panes}
    weights = [pane.weight for pane in counts._panes]
    assert weights == sorted(weights, reverse=True)
    expected = {}
    for reporter, at in seen.items():
        start = pane_start(at // FINE_MS, now)
        if start is not None and reporter * panes[start].weight < UNIT << 64:
            expected[reporter] = start
    actual = dict(counts._last_seen or {})
    distinct.settle(actual, counts._panes)
    assert actual == expected
    for start, pane in panes.items():
        assert pane.kept == sum(where == start for where in expected.values())


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, MINUTE, 5 * MINUTE, HOUR, 5 * HOUR, DAY, 9 * DAY]),
            st.sampled_from([0, 0, 0, 10 * MINUTE, 3 * HOUR, 2 * DAY, 20 * DAY]),
            st.integers(0, 60),
        ),
        min_size=20,
        max_size=150,
    ),
    st.integers(0, 5),
)
def test_a_sample_holds_exactly_the_reporters_below_the_bound(monkeypatch, history, seed):
    monkeypatch.setattr(distinct, "SAMPLE", 4)
    crowd = Crowd(seed)
    pool = [crowd.rng.getrandbits(64) for _ in range(61)]
    for step, lateness, reporter in history:
        crowd.now += step
        crowd.report(pool[reporter], crowd.now - lateness)
        for spec in (HOUR_WINDOW, DAY_WINDOW):
            crowd.counts.measure(spec, crowd.now)
        assert_sample_follows_the_weights(crowd.counts, crowd.seen, crowd.now)
        for spec, total in (crowd.counts._sums or {}).items():
            assert total == RunningSum.of(crowd.counts._panes, spec, crowd.now // FINE_MS)


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 40 * 24)), min_size=1, max_size=120
    ),
    st.sampled_from(EVERY_WINDOW),
)
def test_a_union_of_few_reporters_is_exact(reports, spec):
    counts = [ChannelCounts() for _ in range(3)]
    rng = random.Random(5)
    pool = [rng.getrandbits(64) for _ in range(41)]
    now = T0
    for category, reporter, hour in sorted(reports, key=lambda report: report[2]):
        now = T0 + hour * HOUR
        counts[category].add(now, now, "user", pool[reporter], 1, None)
    start = window_start(spec.ring, spec.panes, now // FINE_MS) * FINE_MS
    true = len({reporter for _, reporter, hour in reports if T0 + hour * HOUR >= start})
    assert union_distinct(counts, spec, now) == true
    restored = [ChannelCounts.decode(one.encode()) for one in reversed(counts)]
    assert union_distinct(restored, spec, now) == true


@pytest.mark.parametrize(("numbers", "shared"), [((30_000, 20_000), 15_000), ((50_000, 1500), 700)])
def test_a_union_of_many_reporters_stays_within_ten_percent_and_its_bounds(numbers, shared):
    rng = random.Random(11)
    pool = [rng.getrandbits(64) for _ in range(sum(numbers) - shared)]
    members = pool[: numbers[0]], pool[numbers[0] - shared :]
    counts = [ChannelCounts(), ChannelCounts()]
    for one, reporters in zip(counts, members, strict=True):
        for index, reporter in enumerate(reporters):
            at = T0 + index * 20 * HOUR // len(reporters)
            one.add(at, at, "user", reporter, 1, None)
    now = T0 + 20 * HOUR
    sizes = [one.measure(DAY_WINDOW, now).distinct_reporters for one in counts]
    union = union_distinct(counts, DAY_WINDOW, now)
    assert abs(union - len(pool)) / len(pool) < 0.10
    assert max(sizes) <= union <= sum(sizes)
    assert union_distinct(counts[::-1], DAY_WINDOW, now) == union
    assert union_distinct([ChannelCounts.decode(one.encode()) for one in counts], DAY_WINDOW, now) == union


def test_a_union_without_reporters_is_zero_and_of_one_reporter_is_one():
    one = ChannelCounts()
    one.add(T0, T0, "user", 7, 1, None)
    assert union_distinct([], HOUR_WINDOW, T0) == 0
    assert union_distinct([ChannelCounts(), ChannelCounts()], HOUR_WINDOW, T0) == 0
    assert union_distinct([ChannelCounts(), one], HOUR_WINDOW, T0) == 1
    assert union_distinct([ChannelCounts(), one], HOUR_WINDOW, T0 + HOUR) == 0
