"""What is taken out of counts: in channels of which only a sample of reporters is known, and after folding."""

import random

from streams.counting.counts import ChannelCounts
from streams.counting.seen.distinct import SAMPLE
from streams.counting.sums import UNIT
from streams.counting.windows import FINE_MS, WindowSpec
from streams.counting.withdrawal.additions import Addition, Sightings
from streams.counting.withdrawal.watched import MOST_ADDITIONS, MOST_REPORTERS, WatchedReports
from tests.unit.traffic import DAY, HOUR, START

NOTHING = Sightings((), None)
WEEK = WindowSpec(2, 7, "P7D")


def add(counts: ChannelCounts, at: int, reporter: int, risk: int = 7) -> Addition:
    before = counts.at(at, at)
    assert counts.add(at, at, "user", reporter, risk, "m")
    return Addition.between(at // FINE_MS, before, counts.at(at, at))


def is_kept(counts: ChannelCounts) -> bool:
    """Whether a restore gives the same."""
    restored = ChannelCounts.decode(counts.encode())
    return restored.encode() == counts.encode()


def test_a_sampled_reporter_is_taken_out_with_the_weight_that_they_stood_for() -> None:
    rng, counts = random.Random(1), ChannelCounts()
    low, high = 1, 2**64 - 1
    sampled, unsampled = (add(counts, START, reporter) for reporter in (low, high))
    for number in range(3 * SAMPLE):
        add(counts, START + number * 1000, rng.getrandbits(64))
    now = START + 2 * HOUR
    before = counts.measure(WEEK, now)
    # Of the larger hash nothing is known any more.
    counts.withdraw(high, NOTHING, [unsampled])
    after = counts.measure(WEEK, now)
    assert (after.reports, after.risk) == (before.reports - 1, before.risk - 7)
    assert after.distinct_reporters == before.distinct_reporters
    counts.withdraw(low, NOTHING, [sampled])
    last = counts.measure(WEEK, now)
    weight = counts.sample(START // FINE_MS, now // FINE_MS + 1)[1] / UNIT
    assert weight > 1
    assert abs(before.distinct_reporters - last.distinct_reporters - weight) <= 1
    assert last.reports == before.reports - 2
    assert is_kept(counts)


def test_it_is_found_in_the_pane_into_which_its_own_was_folded_and_left_out_when_that_is_gone() -> None:
    counts = ChannelCounts()
    own = add(counts, START, 5)
    add(counts, START + HOUR, 6)
    add(counts, START + 20 * DAY, 7)
    counts.withdraw(5, NOTHING, [own])
    month = WindowSpec(2, 30, "P30D")
    found = counts.measure(month, START + 20 * DAY)
    assert (found.reports, found.risk, found.distinct_reporters) == (2, 14, 2)
    later = add(counts, START + 21 * DAY, 5)
    add(counts, START + 90 * DAY, 8)
    counts.withdraw(5, NOTHING, [later])
    found = counts.measure(month, START + 90 * DAY)
    assert (found.reports, found.risk, found.distinct_reporters) == (1, 7, 1)
    assert is_kept(counts)


def test_what_is_remembered_is_bounded() -> None:
    watched = WatchedReports()
    for reporter in range(MOST_REPORTERS + 5):
        addition = add(ChannelCounts(), START, reporter)
        watched.note(reporter, "spam", NOTHING, addition)
    assert list(watched.reporters) == list(range(5, MOST_REPORTERS + 5))
    for number in range(MOST_ADDITIONS + 9):
        watched.note(9, "spam", NOTHING, add(ChannelCounts(), START + number * HOUR, 9))
    assert len(watched.take(9)["spam"].added) == MOST_ADDITIONS
    watched.note(9, "spam", NOTHING, add(ChannelCounts(), START, 9))
    watched.note(9, "spam", NOTHING, add(ChannelCounts(), START + 40 * DAY, 9))
    assert [one.pane.reports for one in watched.take(9)["spam"].added] == [1]
