"""What is reported in another system is read once, whatever is deleted, late or asked in vain."""

import asyncio
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.wire.times import moment_ms
from streams.intake import metrics
from streams.intake.metrics import Asked, IntakeMetrics
from streams.intake.polling import mastodon, synapse
from streams.intake.polling.mastodon import MastodonReports
from streams.intake.polling.ozone import OzoneReports
from streams.intake.polling.pages import FIRST_LOOK_MS, NoAnswer
from streams.intake.polling.synapse import SynapseReports
from streams.running.clients.https.http_client import HttpAnswer
from streams.running.clients.https.xrpc import Account, Xrpc
from streams.running.wall_clock import clock_ms
from tests.kafka.harness.ozone import CID, PASSWORD, SERVICE, Ozone
from tests.kafka.harness.receiver import Request
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


class OzoneClient:
    """Requests to the stand-in for Ozone, which refuses what the published lexicons do not allow."""

    def __init__(self, ozone):
        self.ozone = ozone

    async def request(self, method, path, *, body=None, headers):
        named = {name.lower(): text for name, text in headers.items()}
        reply = self.ozone(Request(method, path, named, body or b""))
        return HttpAnswer(reply.status, reply.headers, reply.body)


def ozone_reader(ozone):
    return OzoneReports(Xrpc(OzoneClient(ozone), Account("tocsin.example", PASSWORD, SERVICE)))


def test_reports_of_an_ozone_are_read_once_over_pages_and_restarts():
    ozone = Ozone()
    report = {"$type": "Report", "reportType": "tools.ozone.report.defs#reasonMisleadingSpam"}
    post = {"$type": "com.atproto.repo.strongRef", "uri": "at://did:plc:bob/app.bsky.feed.post/1", "cid": CID}
    account = {"$type": "com.atproto.admin.defs#repoRef", "did": "did:plc:bob"}
    numbers = [ozone.moderate(report, post if n % 2 else account, "did:plc:ann") for n in range(20)]
    ozone.moderate({"$type": "Acknowledge"}, account)
    pages = asyncio.run(taken(ozone_reader(ozone), None, clock_ms()))
    found = [each for page in pages for each in page.documents]
    assert [each["id"] for each in found] == numbers
    assert {each["account"] for each in found} == {"did:plc:bob"}
    assert len(pages) > 2
    numbers.append(ozone.moderate(report, account, "did:plc:ann"))
    ozone.expire()
    assert polled(ozone_reader(ozone), pages[-1].position, clock_ms())[0] == numbers[-1:]
    # A process that was killed before the position of the second page.
    assert polled(ozone_reader(ozone), pages[0].position, clock_ms())[0] == numbers[len(pages[0].documents) :]
    assert ozone.wrong == []


class Mastodon:
    """`GET /api/v1/admin/reports`, made from its documentation: pages after a number, newest first."""

    def __init__(self):
        self.reports, self.asked = {}, 0

    def add(self, number, *, resolved=False, created_at="2026-09-21T10:00:00.000Z"):
        self.reports[number] = {"id": str(number), "created_at": created_at, "action_taken": resolved}

    async def request(self, method, path, *, body=None, headers):
        self.asked += 1
        url = urlsplit(path)
        query = dict(parse_qsl(url.query))
        assert (method, url.path, headers["Authorization"]) == ("GET", "/api/v1/admin/reports", "Bearer t")
        wanted = [
            number
            for number in sorted(self.reports)
            if number > int(query["min_id"]) and self.reports[number]["action_taken"] == ("resolved" in query)
        ]
        page = wanted[: int(query["limit"])][::-1]
        return HttpAnswer(200, {}, orjson.dumps([self.reports[number] for number in page]))


def caught_up(server, position, now_ms=moment_ms("2026-09-22T00:00:00.000Z")):
    pages = asyncio.run(taken(MastodonReports(server, "t"), position, now_ms))
    ids = [int(each["object"]["id"]) for page in pages for each in page.documents]
    return ids, pages[-1].position if pages else position


def test_open_and_resolved_reports_of_a_mastodon_are_read_once_in_their_order(monkeypatch):
    monkeypatch.setattr(mastodon, "_PAGE", 4)
    server = Mastodon()
    server.add(1, created_at="2025-01-01T00:00:00.000Z")
    for number in range(2, 30):
        server.add(number, resolved=number % 3 == 0)
    # A transaction that takes longer than others.
    late = server.reports.pop(28)
    ids, position = caught_up(server, None)
    assert ids == [number for number in range(2, 30) if number != 28]
    server.reports[28] = late
    # Reopened and resolved ones are known.
    server.add(27)
    server.add(26, resolved=True)
    server.add(30)
    ids, position = caught_up(server, position)
    assert ids == [28, 30]
    assert caught_up(server, position) == ([], position)


def test_a_first_look_that_was_cut_short_goes_on_without_what_is_too_old(monkeypatch):
    monkeypatch.setattr(mastodon, "_PAGE", 4)
    server = Mastodon()
    for number in range(1, 20):
        server.add(number, created_at="2025-01-01T00:00:00.000Z")
    server.add(20)
    now = moment_ms("2026-09-22T00:00:00.000Z")
    first = asyncio.run(taken(MastodonReports(server, "t"), None, now))[0]
    assert caught_up(server, first.position)[0] == [20]


def test_what_is_too_old_is_not_read_again_and_again():
    server = Mastodon()
    for number in range(1, 1_001):
        server.add(number, created_at="2025-01-01T00:00:00.000Z")
    ids, position = caught_up(server, None)
    assert ids == []
    server.asked = 0
    assert caught_up(server, position) == ([], position)
    assert server.asked == 2


def test_a_system_is_silent_from_its_first_failure_to_its_next_answer(monkeypatch):
    """However seldom it is asked, and however long the pages of one round take."""
    now = 1_000.0
    monkeypatch.setattr(metrics, "monotonic", lambda: now)
    system = Asked("rooms", "https://matrix.example")
    counted = IntakeMetrics(["rooms"], [system])

    def silent():
        return {each.metric.name: each for each in counted.live()}["tocsin_intake_unanswered_seconds"].of(
            *system
        )

    now += 3_600
    assert silent() == 0
    counted.asked(system, "refused")
    now += 60
    counted.asked(system, "unavailable")
    now += 60
    assert silent() == 120
    counted.heard(system)
    assert silent() == 0
    assert [counted.times_asked.of(*system, answer) for answer in ("answered", "refused", "unavailable")] == [
        0,
        1,
        1,
    ]
