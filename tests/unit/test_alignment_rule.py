"""Who waits for whom: the rule, by what workers say. Workers and Kafka are in tests/model and tests/kafka."""

from typing import Any

import pytest

from streams.running.alignment.limits import (
    ANSWER_SECONDS,
    LIVE_MS,
    PATIENCE_SECONDS,
    REACH_MS,
    SILENCE_SECONDS,
    SPAN_MS,
    STILL_SECONDS,
)
from streams.running.alignment.progress_row import ProgressRow, decode_row, encode_row
from streams.running.alignment.rule import Fleet, Least

MINUTE, HOUR = 60_000, 3_600_000
CLOCK = 1_790_000_000_000
THEN = CLOCK - 4 * HOUR


class Talk:
    """A fleet of two partitions that tell how far they are, and confirm at once what they say."""

    def __init__(self, *, has_relays: bool = False, partitions: int = 2) -> None:
        self.fleet = Fleet(partitions, has_relays=has_relays)
        self.now = 1_000.0
        self.number = 0

    def say(self, frontiers: dict[int, int] | None = None, **fields: Any) -> None:
        self.number += 1
        row = ProgressRow(behind=True, frontiers=frontiers or {}, **fields)
        self.fleet.hear(self.number, row, self.now, CLOCK)
        self.fleet.confirm(self.fleet.seen_by_relays(self.now))

    def until(self, frontier: int | None, read: int | None = None) -> int | None:
        self.fleet.confirm(self.fleet.seen_by_relays(self.now))
        before = frontier if read is None else read
        return self.fleet.until(frontier, before or 0, self.fleet.confirmed, self.now, CLOCK)


def test_a_source_is_read_a_span_ahead_of_the_one_furthest_behind() -> None:
    talk = Talk()
    talk.say({0: THEN, 1: THEN + HOUR})
    assert talk.until(THEN) == talk.until(THEN + HOUR) == THEN + SPAN_MS
    talk.say({0: THEN + 2 * HOUR})
    assert talk.until(THEN + HOUR) == THEN + HOUR + SPAN_MS


def test_what_is_live_never_waits() -> None:
    """Not even at the start, when nobody has written anything."""
    talk = Talk()
    assert talk.until(CLOCK - LIVE_MS) is None
    talk.say({0: THEN, 1: CLOCK})
    assert talk.until(CLOCK) is None
    assert talk.until(CLOCK - LIVE_MS - 1) == THEN + SPAN_MS


def test_nothing_is_read_of_a_source_before_its_first_event_time_is_known() -> None:
    assert Talk().until(None) == 0


def test_at_the_start_a_source_waits_to_hear_the_others_for_a_while() -> None:
    talk = Talk()
    for second in range(int(SILENCE_SECONDS) + 1):
        talk.say({0: THEN + 1}, held=(0,))
        assert talk.until(THEN) == 0, second
        talk.now += 1
    assert talk.until(THEN) == THEN + 1 + SPAN_MS


def test_nobody_waits_for_a_partition_that_is_much_further_behind() -> None:
    talk = Talk()
    talk.say({0: CLOCK - HOUR - REACH_MS, 1: CLOCK - HOUR})
    assert talk.until(CLOCK - HOUR) == CLOCK - HOUR - REACH_MS + SPAN_MS
    assert talk.until(CLOCK - HOUR + 1) == CLOCK - HOUR + SPAN_MS
    # After a quiet time the record at its head is much later than those of others that come before it.
    assert talk.until(CLOCK - HOUR + 1, CLOCK - 20 * HOUR) == CLOCK - HOUR - REACH_MS + SPAN_MS
    # And an idle home must not go to the present meanwhile.
    assert talk.fleet.least(talk.now) == Least(0, CLOCK - HOUR - REACH_MS)


def test_a_gap_in_all_sources_is_crossed() -> None:
    """After a quiet night the record at the head counts as reached: it is far beyond the span."""
    talk = Talk()
    talk.say({0: THEN, 1: THEN + 2})
    assert talk.until(THEN) < THEN + HOUR
    talk.say({0: THEN + HOUR, 1: THEN + HOUR + 5})
    assert talk.until(THEN + HOUR) == THEN + HOUR + SPAN_MS


@pytest.mark.parametrize("seconds", [SILENCE_SECONDS - 1, SILENCE_SECONDS + 1])
def test_a_partition_that_is_silent_is_left_out_until_it_moves_again(seconds: float) -> None:
    talk = Talk()
    talk.say({0: THEN, 1: THEN})
    for _ in range(int(seconds)):
        talk.now += 1
        # The worker of partition 1 says the same all the time, and it holds nothing.
        talk.say({0: THEN + 30 * MINUTE + _, 1: THEN})
    waits = seconds < SILENCE_SECONDS
    assert talk.until(THEN + 30 * MINUTE) == (THEN if waits else THEN + 30 * MINUTE + _) + SPAN_MS
    assert list(talk.fleet.left_out(talk.now)) == ([] if waits else [1])
    talk.say({1: THEN + 1})
    assert talk.until(THEN + 30 * MINUTE) == THEN + 1 + SPAN_MS


def test_a_source_that_waits_itself_is_not_silent() -> None:
    talk = Talk()
    for _ in range(2 * int(SILENCE_SECONDS)):
        talk.now += 1
        talk.say({0: THEN, 1: THEN + MINUTE}, held=(0, 1))
    assert talk.until(THEN + MINUTE) == THEN + SPAN_MS


def test_what_is_said_to_be_left_out_is_not_waited_for() -> None:
    talk = Talk()
    talk.say({0: THEN, 1: THEN + HOUR})
    talk.say(left_out=(0,))
    assert talk.until(THEN + HOUR) == THEN + HOUR + SPAN_MS
    talk.say({0: THEN})
    assert talk.until(THEN + HOUR) == THEN + SPAN_MS


def test_a_frontier_counts_once_the_relays_have_seen_the_row() -> None:
    """What was passed on before it may be on its way."""
    talk = Talk(has_relays=True)
    talk.say({0: THEN, 1: THEN}, relays=(0,))
    talk.say(relays=(1,))
    assert talk.until(THEN) == 0
    talk.say(relays=(0,), seen=1, relayed=5)
    assert talk.until(THEN) == 0
    talk.say(relays=(1,), seen=2)
    assert talk.until(THEN) == THEN + SPAN_MS
    talk.say({0: THEN + HOUR, 1: THEN + HOUR})
    talk.say(relays=(0, 1), seen=4)
    assert talk.until(THEN) == THEN + SPAN_MS
    talk.say(relays=(0, 1), seen=5)
    assert talk.until(THEN) == THEN + HOUR + SPAN_MS


def test_who_gains_a_relay_has_seen_nothing_and_takes_nothing_back() -> None:
    talk = Talk(has_relays=True)
    talk.say({0: THEN, 1: THEN}, relays=(0, 1))
    talk.say(relays=(0, 1), seen=1)
    talk.say({0: THEN + HOUR, 1: THEN + HOUR}, relays=(0, 1))
    assert talk.until(THEN) == THEN + SPAN_MS


@pytest.mark.parametrize("moves", [True, False])
def test_a_relay_that_stops_is_left_out_and_one_that_is_slow_is_not(moves: bool) -> None:
    talk = Talk(has_relays=True)
    talk.say({0: THEN, 1: THEN}, relays=(0, 1))
    talk.say(relays=(0, 1), seen=1)
    talk.say({0: THEN + HOUR, 1: THEN + HOUR})
    for second in range(int(SILENCE_SECONDS) + 2):
        talk.now += 1
        talk.say({0: THEN + HOUR, 1: THEN + HOUR}, held=(0, 1), relays=(0, 1), seen=1, relayed=moves * second)
    assert talk.until(THEN) == THEN + SPAN_MS + (0 if moves else HOUR)


def wait(talk: Talk, seconds: float, **fields: Any) -> set[int]:
    """Let time pass in which nothing moves but what is said; return who was given up."""
    given_up = set()
    for _ in range(int(seconds)):
        talk.now += 1
        talk.say(**fields)
        gone = talk.fleet.count_waiting(talk.now)
        given_up |= set() if gone is None else {gone}
    return given_up


def test_the_fleet_waits_for_one_partition_for_ten_minutes_in_all() -> None:
    talk = Talk()
    fields = {"frontiers": {0: THEN, 1: THEN + HOUR}, "held": (0, 1)}
    talk.say(**fields)
    assert wait(talk, PATIENCE_SECONDS, **fields) == set()
    # What it does meanwhile does not count as waiting, but does not take anything back either.
    talk.say({0: THEN + 2 * SPAN_MS})
    assert wait(talk, STILL_SECONDS) == set()
    assert wait(talk, 2 * STILL_SECONDS + 2, held=(0, 1), frontiers={0: THEN, 1: THEN + HOUR}) == {0}
    assert talk.until(THEN + HOUR) == THEN + HOUR + SPAN_MS
    assert talk.fleet.given_up == {0}


def test_who_was_given_up_is_waited_for_again_after_the_fleet_has_caught_up() -> None:
    talk = Talk()
    fields = {"frontiers": {0: THEN, 1: THEN + HOUR}, "held": (0, 1)}
    assert wait(talk, PATIENCE_SECONDS + 2 * STILL_SECONDS, **fields) == {0}
    talk.now += ANSWER_SECONDS + 1
    assert not talk.fleet.is_catching_up(talk.now)
    talk.say({0: THEN, 1: THEN + HOUR})
    assert talk.fleet.given_up == set()
    assert talk.until(THEN + HOUR) == THEN + SPAN_MS


def test_a_catch_up_that_gets_on_does_not_count_as_waiting() -> None:
    """Days of backlog take longer than ten minutes, and one partition is always the last."""
    talk = Talk()
    for second in range(3 * int(PATIENCE_SECONDS)):
        talk.now += 1
        talk.say({0: THEN + second * SPAN_MS // 4, 1: THEN + second * SPAN_MS // 4 + MINUTE})
        assert talk.fleet.count_waiting(talk.now) is None


def test_only_who_says_that_it_is_behind_keeps_the_others_talking() -> None:
    """Rows that answer rows would never end."""
    talk = Talk()
    talk.say({0: THEN, 1: CLOCK})
    for _ in range(int(ANSWER_SECONDS)):
        talk.now += 1
        talk.fleet.hear(talk.number, ProgressRow(frontiers={0: CLOCK, 1: CLOCK}), talk.now, CLOCK)
        assert talk.fleet.is_catching_up(talk.now)
    talk.now += 1
    assert not talk.fleet.is_catching_up(talk.now)


def test_rows_of_an_earlier_catch_up_do_not_make_anybody_silent() -> None:
    talk = Talk()
    talk.say({0: THEN, 1: THEN})
    talk.now += 3_600
    assert talk.until(THEN + HOUR) == THEN + SPAN_MS
    assert list(talk.fleet.left_out(talk.now)) == []


def test_a_row_is_read_back_as_it_was_written() -> None:
    row = ProgressRow(
        behind=True, frontiers={3: THEN, 40: CLOCK}, held=(3,), left_out=(5,), relays=(1,), seen=8
    )
    assert decode_row(encode_row(row)) == row
    assert encode_row(ProgressRow()) == b"{}"
    assert len(encode_row(row)) < 150


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"frontiers":{"x":1}}', b'{"behind":7}'])
def test_a_row_that_cannot_be_read_is_nobodys(value: bytes | None) -> None:
    assert decode_row(value) is None
