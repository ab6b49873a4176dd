"""Open pages are told of changes in cases that their reader may see, and of no others."""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from streams.desk.console.live_feed import LiveFeed
from streams.desk.console.read_model.apply import apply_records
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.database import transaction
from streams.desk.console.web.live import live
from tests.categories import CATEGORIES
from tests.unit.console_pages import World, lead

NARROW = lead("narrow", categories=frozenset(CATEGORIES) - {"csam"})
ALL = lead("all")


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as world:
        world.put_case("e-csam", category="csam")
        world.put_case("e-spam", category="spam")
        world.put_request("r-csam", category="csam")
        world.put_request("r-none", category=None)
        yield world


def request(world, feed, person, query="", still=None):
    console = SimpleNamespace(feed=feed, database=getattr(world, "database", None))
    state = {"person": person, "who": still or (lambda: person)}
    scope = {
        "type": "http", "method": "GET", "path": "/live", "query_string": query.encode(), "headers": [],
        "state": state,
        "app": SimpleNamespace(state=SimpleNamespace(console=console)),
    }  # fmt: skip
    return Request(scope)


def changed(*ids, **categories):
    return Changes(
        cases=set(ids), categories={name.replace("_", "-"): {value} for name, value in categories.items()}
    )


async def first(stream, number):
    """The first events of a stream, until it has sent so many or ended."""
    found, enough = [], asyncio.Event()

    async def receive():
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        lines = [line.partition(": ") for line in message.get("body", b"").decode().splitlines()]
        event = {name: text for name, _, text in lines if name}
        if event:
            found.append(SimpleNamespace(**{"data": None, "event": None, "id": None} | event))
        if len(found) == number:
            enough.set()

    async with asyncio.timeout(10):
        await stream({"type": "http", "method": "GET"}, receive, send)
    return found


async def told(world, person, *changes, query="position={}"):
    feed = LiveFeed()
    response = await live(request(world, feed, person, query.format(feed.position)))
    for each in changes:
        feed.tell(each)
    return await first(response, len(changes))


def test_changes_say_their_categories(world):
    record, changes = world.log[0], Changes()
    with transaction(world.writer):
        apply_records(world.writer, [(each.topic, each) for each in world.log], changes)
    assert changes.categories == {
        world.case_id("e-csam"): {"csam"},
        world.case_id("e-spam"): {"spam"},
        "r-csam": {"csam"},
        "r-none": {None},
    }
    assert record.topic == "escalations"


def test_a_page_is_told_of_what_its_reader_may_see():
    async def run():
        mixed = changed("e-csam", "e-spam", "r-none", e_csam="csam", e_spam="spam", r_none=None)
        (event,) = await told(None, NARROW, mixed)
        assert event.data == '["e-spam","r-none"]'
        (event,) = await told(None, ALL, mixed)
        assert event.data == '["e-csam","e-spam","r-none"]'

    asyncio.run(run())


def test_what_is_not_known_yet_is_not_named():
    async def run():
        (event,) = await told(None, ALL, changed("e-new", "e-spam", e_spam="spam"))
        assert event.data == '["e-spam"]'

    asyncio.run(run())


def test_a_change_of_others_moves_the_position_without_an_event():
    async def run():
        hidden, seen = await told(
            None, NARROW, changed("e-csam", e_csam="csam"), changed("e-spam", e_spam="spam")
        )
        assert (hidden.data, hidden.event) == (None, None)
        assert hidden.id.endswith("-1")
        assert seen.data == '["e-spam"]'
        assert seen.id.endswith("-2")

    asyncio.run(run())


@pytest.mark.parametrize("case", ["e-csam", "r-csam", "none"])
def test_nobody_looks_at_a_case_that_they_may_not_see(world, case):
    async def run():
        feed = LiveFeed()
        with pytest.raises(HTTPException) as caught:
            case_id = world.case_id(case) if case.startswith("e-") else case
            await live(request(world, feed, NARROW, f"case={case_id}"))
        assert caught.value.status_code == 404
        assert await live(request(world, feed, ALL, f"case={world.case_id('e-csam')}"))
        assert await live(request(world, feed, NARROW, "case=r-none"))

    asyncio.run(run())


def test_a_page_that_is_open_ends_when_its_reader_loses_access():
    async def run():
        feed, still = LiveFeed(), [NARROW, ALL, None]
        response = await live(
            request(None, feed, ALL, f"position={feed.position}", still=lambda: still.pop(0))
        )
        reading = asyncio.create_task(first(response, 9))
        while not feed.readers:
            await asyncio.sleep(0)
        for _ in range(3):
            feed.tell(changed("e-csam", e_csam="csam"))
        events = await reading
        assert [event.data for event in events] == [None, '["e-csam"]']
        assert feed.readers == 0

    asyncio.run(run())


@pytest.mark.parametrize("digits", [20, 5_000])
@pytest.mark.parametrize("where", ["position", "last-event-id"])
def test_a_position_with_a_number_that_none_has_is_refused(world, where, digits):
    browser = world.browser(ALL)
    process, _, _ = browser.app.state.console.feed.position.partition("-")
    position = f"{process}-{'9' * digits}"
    parameters, headers = ({where: position}, {}) if where == "position" else ({}, {where: position})
    answer = browser.get("/live", params=parameters, headers=headers)
    assert answer.status_code == 400
    assert "has at most 24 characters" in answer.text


def test_a_page_counts_until_its_answer_ends_also_one_that_never_began():
    async def run():
        feed = LiveFeed()
        await live(request(None, feed, ALL))
        assert feed.pages_of("all") == 0

        async def gone():
            return {"type": "http.disconnect"}

        async def broken(_):
            assert feed.pages_of("all") == 1
            raise OSError("nobody reads")

        for receive, send in ((gone, broken), (asyncio.Event().wait, broken)):
            stream = await live(request(None, feed, ALL))
            with contextlib.suppress(OSError):
                await stream({"type": "http", "method": "GET"}, receive, send)
            assert feed.pages_of("all") == feed.readers == 0
        ended = asyncio.create_task(first(await live(request(None, feed, ALL)), 9))
        while not feed.readers:
            await asyncio.sleep(0)
        ended.cancel()
        await asyncio.wait([ended])
        assert feed.pages_of("all") == feed.readers == 0

    asyncio.run(run())
