"""Flags in the review queue of a Discourse are read once, also later ones of a post that was handled."""

import asyncio

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.intake.polling import discourse
from streams.intake.polling.discourse import DiscourseFlags
from streams.intake.polling.pages import FIRST_LOOK_MS, NoAnswer
from tests.unit.discourse_stand_in import INAPPROPRIATE, KEY, USERNAME, DiscourseStandIn

NOW = 1_790_000_000_000


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(discourse, "_PAUSE_SECONDS", 0.0)


async def taken(server, position, now_ms):
    return [page async for page in DiscourseFlags(server, KEY, USERNAME).pages(position, now_ms)]


def polled(server, position, now_ms=NOW):
    """The numbers of the flags since a position, and the new one."""
    pages = asyncio.run(taken(server, position, now_ms))
    numbers = [each["flag"]["id"] for page in pages for each in page.documents]
    return numbers, pages[-1].position if pages else position


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("flag"), st.integers(0, 30)),
        st.tuples(st.just("handle"), st.integers(0, 30)),
        st.tuples(st.just("poll"), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([1_000, 15_000, 900_000])),
    ),
    max_size=80,
)


@settings(deadline=None)
@given(STEPS, st.lists(st.sampled_from(["", "flag", "handle"]), max_size=30))
def test_every_flag_that_is_pending_at_a_poll_is_read_once_in_any_history(steps, between):
    """Entries come and go between requests too, so that others move to another page."""
    server = DiscourseStandIn()
    clock, interruptions, read, position = NOW, iter(between), [], None

    def handle(place):
        if server.entries:
            server.handle(list(server.entries)[place % len(server.entries)])

    def interrupt():
        nonlocal clock
        what = next(interruptions, "")
        if what == "flag":
            clock += 1
            server.flag(clock % 31, clock)
        elif what == "handle":
            handle(clock)

    def poll():
        nonlocal position
        waiting = {
            number
            for entry in server.entries.values()
            if entry["status"] == 0
            for number in entry["reviewable_score_ids"]
        }
        numbers, position = polled(server, position, clock)
        read.extend(numbers)
        return waiting

    server.between = interrupt
    for what, number in steps:
        if what == "flag":
            clock += 1
            server.flag(number, clock)
        elif what == "handle":
            handle(number)
        elif what == "wait":
            clock += number
        else:
            poll()
    poll()
    # What moved to another page while these were read is found by the next round.
    server.between = lambda: None
    waiting = poll()
    assert waiting <= set(read)
    assert len(read) == len(set(read))


def test_a_flag_that_was_handled_before_the_poll_is_read_if_its_entry_is_new():
    server = DiscourseStandIn()
    for post in range(25):
        server.flag(post, NOW + post)
    numbers, position = polled(server, None)
    assert numbers == [*range(1, 26)]
    later = server.flag(30, NOW + 20 * 60_000)
    server.handle(30)
    again = server.flag(3, NOW + 20 * 60_000)
    numbers, position = polled(server, position)
    assert sorted(numbers) == [later, again]
    assert polled(server, position) == ([], position)


def test_the_first_look_takes_no_old_flags_and_a_quiet_round_asks_twice():
    server = DiscourseStandIn()
    for post in range(40):
        server.flag(post, NOW - 2 * FIRST_LOOK_MS)
        server.handle(post)
    server.flag(50, NOW - FIRST_LOOK_MS - 3_600_000)
    fresh = server.flag(51, NOW - 1_000)
    numbers, position = polled(server, None)
    assert numbers == [fresh]
    server.asked = 0
    assert polled(server, position) == ([], position)
    assert server.asked == 2


def test_a_crash_before_a_position_repeats_only_its_page(monkeypatch):
    monkeypatch.setattr(discourse, "_PAGE", 4)
    server = DiscourseStandIn()
    for post in range(11):
        server.flag(post, NOW + post * 1_000)
    pages = asyncio.run(taken(server, None, NOW))
    for before, page in zip([None, *(each.position for each in pages)], [*pages, None]):
        numbers, _ = polled(server, before)
        assert numbers == ([] if page is None else list(range(page.documents[0]["flag"]["id"], 12)))


def test_the_kind_of_a_flag_is_its_name_and_not_a_number_of_the_site():
    server = DiscourseStandIn()
    server.flag(1, NOW, INAPPROPRIATE)
    [page] = asyncio.run(taken(server, None, NOW))
    assert page.documents[0]["flag"]["type"] == "inappropriate"


def test_who_is_refused_or_hears_nonsense_is_told_without_a_quote(monkeypatch):
    server = DiscourseStandIn()
    with pytest.raises(NoAnswer, match="^HTTP 403$") as refused:
        asyncio.run(anext(DiscourseFlags(server, "wrong", USERNAME).pages(None, NOW)))
    assert refused.value.refused
    server.flag(1, NOW)
    server.flags[1]["created_at"] = "alice@example.org"
    with pytest.raises(NoAnswer, match="^its answer is not what its documentation says$") as nonsense:
        polled(server, None)
    assert not nonsense.value.refused
    server.body = lambda *_: (200, orjson.dumps({"reviewables": [{"id": 1}]}))
    with pytest.raises(NoAnswer, match="^its answer is not what its documentation says$"):
        polled(server, None)
