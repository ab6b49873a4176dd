"""What is reported in another system is read once, whatever is deleted, late or asked in vain."""

import asyncio

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.intake.polling import synapse
from streams.intake.polling.pages import FIRST_LOOK_MS, NoAnswer
from streams.intake.polling.synapse import SynapseReports
from tests.unit.synapse_stand_in import TOKEN, SynapseStandIn

NOW = 1_790_000_000_000
LATE = synapse._OVERLAP_MS - 1


async def taken(reader, position, now_ms=NOW):
    """The documents since a position, page by page, and the position after each."""
    return [page async for page in reader.pages(position, now_ms)]


def polled(reader, position, now_ms=NOW):
    """The ids since a position, and the new one."""
    pages = asyncio.run(taken(reader, position, now_ms))
    return [each["id"] for page in pages for each in page.documents], pages[
        -1
    ].position if pages else position


STEPS = st.lists(
    st.one_of(
        # Some milliseconds later; with a time that is up to the overlap behind those before it.
        st.tuples(st.just("report"), st.integers(0, 3), st.sampled_from([0, 0, 0, 1, 50_000, LATE])),
        st.tuples(st.just("delete"), st.integers(0, 60), st.just(0)),
        st.tuples(st.just("poll"), st.just(0), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([1_000, 120_000]), st.just(0)),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(STEPS, st.lists(st.sampled_from(["", "report", "delete", "deletes"]), max_size=30), st.integers(2, 6))
def test_every_report_that_stays_is_read_once_in_any_history(steps, between, page):
    """Beside a brute-force model: all reports that were there at a poll. Rows come and go between requests too."""
    server, reader = SynapseStandIn(), None
    numbers, clock, interruptions = iter(range(1, 10_000)), NOW, iter(between)
    read, position, known = [], None, {}

    def interrupt():
        nonlocal clock
        what = next(interruptions, "")
        if what == "report":
            clock += 1
            server.add(next(numbers), clock)
        for _ in range({"delete": 1, "deletes": 4}.get(what, 0)):
            server.delete(clock)

    server.between = interrupt
    reader = SynapseReports(server, TOKEN, "event_reports")
    whole, synapse._PAGE = synapse._PAGE, page
    try:
        for what, number, behind in [*steps, ("poll", 0, 0)]:
            if what == "report":
                clock += number
                server.add(next(numbers), clock - behind)
            elif what == "delete":
                server.delete(number)
            elif what == "wait":
                clock += number
            else:
                there = {row["id"] for row in server.reports}
                ids, position = polled(reader, position)
                read += ids
                # What was there all the time of the poll.
                known |= dict.fromkeys(there & {row["id"] for row in server.reports})
                assert set(known) <= set(read)
        assert len(read) == len(set(read))
    finally:
        synapse._PAGE = whole


def test_a_position_is_a_restart_and_a_crash_before_it_repeats_only_its_page(monkeypatch):
    monkeypatch.setattr(synapse, "_PAGE", 4)
    server = SynapseStandIn()
    for number in range(1, 12):
        server.add(number, NOW + number * 1_000)
    pages = asyncio.run(taken(SynapseReports(server, TOKEN, "event_reports"), None))
    ids = [[each["id"] for each in page.documents] for page in pages]
    assert sum(ids, []) == list(range(1, 12))
    for before, page in zip([None, *(each.position for each in pages)], [*pages, None]):
        again, _ = polled(SynapseReports(server, TOKEN, "event_reports"), before)
        assert again == ([] if page is None else list(range(page.documents[0]["id"], 12)))


def test_the_first_look_goes_back_a_week_and_not_through_all_years(monkeypatch):
    server = SynapseStandIn()
    for number in range(1, 5_001):
        server.add(number, NOW - FIRST_LOOK_MS * 2)
    server.add(5_001, NOW - FIRST_LOOK_MS + 1_000)
    assert polled(SynapseReports(server, TOKEN, "event_reports"), None)[0] == [5_001]
    assert server.asked <= 4


@pytest.mark.parametrize("listed", ["event_reports", "user_reports"])
def test_who_is_refused_or_hears_nonsense_is_told_without_a_quote(listed):
    server = SynapseStandIn()
    with pytest.raises(NoAnswer, match="^HTTP 401$"):
        polled(SynapseReports(server, "wrong", listed), None)
    server.add(1, NOW)
    server.reports[0]["received_ts"] = "alice@example.org"
    with pytest.raises(NoAnswer, match="^its answer is not what its documentation says$"):
        server.body = lambda *_: (200, orjson.dumps({"total": 1, listed: server.reports}))
        polled(SynapseReports(server, TOKEN, listed), None)


def test_a_position_that_another_reader_wrote_begins_anew():
    server = SynapseStandIn()
    server.add(1, NOW)
    assert polled(SynapseReports(server, TOKEN, "event_reports"), b'{"newest": 3, "seen": []}')[0] == [1]
