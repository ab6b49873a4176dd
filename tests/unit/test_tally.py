"""The tally keeps the most reported messages in bounded space, with the guarantees of Space-Saving."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.counting.tally import TALLIED_MESSAGES, forget_before, most_reported, tally_message
from streams.counting.windows import WindowSpec

NOW = 288 * 20_000 + 100
MONTH = WindowSpec(2, 30, "P30D")


def tallied(refs):
    tally = {}
    for ref in refs:
        tally_message(tally, ref, NOW)
    return tally


def assert_guarantees(refs):
    true = Counter(refs)
    kept = dict(most_reported(tallied(refs), MONTH, NOW))
    error = len(refs) // TALLIED_MESSAGES
    assert len(kept) == min(TALLIED_MESSAGES, len(true))
    assert sum(kept.values()) == len(refs)
    for ref, count in kept.items():
        assert true[ref] <= count <= true[ref] + error
    assert {ref for ref, count in true.items() if count > error} <= kept.keys()


@settings(max_examples=150)
@given(st.lists(st.integers(0, 60).map(lambda n: f"m{n * n // 40}"), max_size=400))
def test_counts_are_never_too_low_and_the_error_is_bounded(refs):
    assert_guarantees(refs)


@pytest.mark.parametrize("skew", [0.5, 1.0, 1.5])
def test_the_guarantees_hold_for_many_messages_of_skewed_popularity(skew):
    rng = random.Random(7)
    messages = range(1, 3000)
    assert_guarantees([f"m{n}" for n in rng.choices(messages, [n**-skew for n in messages], k=20_000)])


def test_counts_are_exact_and_sorted_while_every_message_has_a_counter():
    refs = [f"m{n:02}" for n in range(TALLIED_MESSAGES) for _ in range(1 + n // 2)]
    expected = sorted(Counter(refs).items(), key=lambda entry: (-entry[1], entry[0]))
    assert most_reported(tallied(reversed(refs)), MONTH, NOW) == expected


def test_the_tally_evicts_the_least_reported_then_the_stalest_then_the_oldest_message():
    tally = {}
    for number in range(TALLIED_MESSAGES):
        tally_message(tally, f"m{number}", NOW - 1 if number in (5, 6, 7) else NOW)
    tally_message(tally, "m5", NOW - 1)
    tally_message(tally, "new", NOW)
    assert "m6" not in tally
    assert dict(most_reported(tally, MONTH, NOW))["new"] == 2
    tally_message(tally, "newer", NOW)
    assert "m7" not in tally
    tally_message(tally, "newest", NOW)
    assert "m0" not in tally
    assert {"m5", "new", "newer", "newest"} <= tally.keys()


def test_only_messages_reported_within_the_window_are_listed():
    tally = {}
    tally_message(tally, "now", NOW)
    tally_message(tally, "late", NOW)
    tally_message(tally, "late", NOW - 50)
    tally_message(tally, "old", NOW - 12)
    assert most_reported(tally, WindowSpec(0, 12, "PT1H"), NOW) == [("late", 2), ("now", 1)]
    assert most_reported(tally, WindowSpec(1, 2, "PT2H"), NOW) == [("late", 2), ("now", 1), ("old", 1)]


def test_forgotten_messages_free_their_counters():
    tally = {}
    for age in range(TALLIED_MESSAGES):
        tally_message(tally, f"m{age}", NOW - age)
    forget_before(tally, NOW - 9)
    assert set(tally) == {f"m{age}" for age in range(10)}
    tally_message(tally, "new", NOW)
    assert dict(most_reported(tally, MONTH, NOW))["new"] == 1
