"""Decisions, signatures and ends of clocks can be undone for some seconds, and are sent afterwards."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from streams.desk.console.held import URGENT_MS, HeldActs
from streams.running.wall_clock import clock_ms
from tests.unit.console_pages import World, example, lead, text_of
from tests.unit.test_console_acts import DISMISSED, GUARDED, act, kinds

# Long enough for a page or two on a busy machine; nobody waits for it unless it is to be sent.
HELD_SECONDS = 60.0


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as made:
        yield made


@pytest.fixture
def anna(world):
    """A console that holds what she does. The loop of its requests goes on between them."""
    world.hold_seconds = HELD_SECONDS
    with world.browser(lead("anna")) as browser:
        yield browser
        # What is held then must not be sent after the log is closed.
        for held in browser.app.state.console.held.of("anna"):
            browser.portal.call(browser.app.state.console.held.undo, "anna", held.act_id)


@pytest.fixture
def ben(world):
    """Another console, which sends at once."""
    world.hold_seconds = 0.0
    return world.browser(lead("ben"))


def put_clock(world, name="c-1", seconds=3_600, **changes):
    """A clock that is due in so many seconds."""
    due = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    clock = example("escalations", "opened-clock-armed")["clock"] | {"clock_id": name, "due_at": due}
    return world.put_clock(name, clock=clock, **changes)


def send_now(browser):
    """What happens when the time is over, or the console is told to end."""
    browser.portal.call(browser.app.state.console.held.send_all)


def undo(browser, path="/desk"):
    return browser.submit(browser.page(path), "/undo")


def test_a_decision_is_undone_before_anything_is_sent(world, anna):
    world.put_case()
    assert act(anna, "/cases/e-1", "decided", **DISMISSED).headers["location"] == "/cases/e-1"
    page = anna.page("/cases/e-1")
    assert "Done: dismissed." in text_of(page)
    assert "Undo z" in text_of(page)
    undone = undo(anna, "/policies")
    assert undone.headers["location"] == "/cases/e-1"
    page = text_of(anna.page("/cases/e-1"))
    assert "Undone, nothing was sent: Done: dismissed." in page
    assert "Undo z" not in page
    send_now(anna)
    assert world.sent("case-activity") == world.sent("moderation-outcomes") == []


def test_what_is_not_undone_is_sent_once_its_time_is_over(world, anna):
    world.put_case()
    anna.app.state.console.held.seconds = 0.2
    page = anna.page("/cases/e-1")
    for _ in range(2):
        assert act(anna, "/cases/e-1", "decided", page, **DISMISSED).status_code == 303
    deadline = time.monotonic() + 30
    while not world.sent("moderation-outcomes"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert kinds(world) == ["decided"]
    (sent,) = world.sent("case-activity")
    assert anna.get("/became", params={"act": sent["activity_id"]}).json() == {"said": "Sent."}
    too_late = anna.post("/undo", data={"token": anna.token, "act": sent["activity_id"], "next": "/clocks"})
    assert too_late.headers["location"] == "/clocks"
    assert "Too late to undo: it was sent." in anna.page("/clocks")
    # The same form once more is the same act.
    assert act(anna, "/cases/e-1", "decided", page, **DISMISSED).status_code == 303
    assert kinds(world) == ["decided"]


def test_a_signature_and_a_proposal_are_held_too(world, anna, ben):
    world.put_case(**GUARDED)
    # A page asks for a decision, and the gate makes a proposal of it.
    act(anna, "/cases/e-1", "decided", **DISMISSED)
    assert "Proposed: dismissed." in text_of(anna.page("/cases/e-1"))
    assert kinds(world) == []
    undo(anna)
    act(ben, "/cases/e-1", "decided", **DISMISSED)
    act(anna, "/cases/e-1", "proposal_signed")
    assert "Signed: dismissed." in text_of(anna.page("/cases/e-1"))
    assert kinds(world) == ["outcome_proposed"]
    send_now(anna)
    assert kinds(world) == ["outcome_proposed", "proposal_signed"]


def test_the_slower_one_is_told_on_the_next_page_that_it_did_not_count(world, anna, ben):
    world.put_case()
    act(anna, "/cases/e-1", "decided", **DISMISSED)
    (held,) = anna.app.state.console.held.of("anna")
    assert anna.get("/became", params={"act": held.act_id}).json() == {"said": None}
    act(ben, "/cases/e-1", "decided", **DISMISSED)
    send_now(anna)
    told = "Done: dismissed. This did not count: somebody else was faster. ben did this: decided."
    assert told in text_of(anna.page("/desk"))
    assert told not in text_of(anna.page("/desk"))
    assert "somebody else was faster" in anna.get("/became", params={"act": held.act_id}).json()["said"]
    assert len(world.sent("moderation-outcomes")) == 1


def test_nothing_else_is_done_with_a_case_while_something_is_held(world, anna):
    world.put_case()
    page = anna.page("/cases/e-1")
    act(anna, "/cases/e-1", "decided", page, **DISMISSED)
    refused = act(anna, "/cases/e-1", "claimed")
    assert refused.status_code == 422
    assert "not sent yet: Done: dismissed. Undo it first." in text_of(refused.text)


def test_nobody_undoes_what_somebody_else_did(world, anna):
    world.put_case()
    act(anna, "/cases/e-1", "decided", **DISMISSED)
    held = anna.app.state.console.held
    (one,) = held.of("anna")
    assert held.of("ben") == []
    assert held.undo("ben", one.act_id) is None
    assert held.of("anna") == [one]


def test_the_end_of_a_clock_is_undone(world, anna):
    put_clock(world)
    form = anna.page("/clocks")
    question = anna.submit(form, "/clocks/c-1/acts", outcome="fulfilled")
    assert anna.confirm(question).status_code == 303
    assert "Undo z" in text_of(anna.page("/clocks"))
    assert world.sent("clock-outcomes") == []
    undo(anna, "/clocks")
    assert (
        anna.confirm(anna.submit(anna.page("/clocks"), "/clocks/c-1/acts", outcome="withdrawn")).status_code
        == 303
    )
    send_now(anna)
    assert [outcome["outcome"] for outcome in world.sent("clock-outcomes")] == ["withdrawn"]


@pytest.mark.parametrize(("seconds", "sent"), [(URGENT_MS / 1000 - 10, True), (-60, True), (3_600, False)])
def test_what_is_due_within_the_minute_or_late_is_sent_at_once(world, anna, seconds, sent):
    put_clock(world, seconds=seconds)
    question = anna.submit(anna.page("/clocks"), "/clocks/c-1/acts", outcome="fulfilled")
    anna.confirm(question)
    assert bool(world.sent("clock-outcomes")) is sent


def test_nothing_is_held_if_the_setting_says_so():
    assert HeldActs(0).holds_back(None) is False
    assert HeldActs(10).holds_back(clock_ms() + URGENT_MS + 10_000) is True


def test_what_goes_wrong_is_told_whatever_it_is():
    async def fail():
        raise ValueError("bug")

    async def scenario():
        held = HeldActs(60)
        held.hold("anna", "a-1", "e-1", "Done: dismissed.", "/cases/e-1", fail)
        await held.send_all()
        assert held.of("anna") == []
        return held.take_unsaid("anna"), held.became("anna", "a-1"), held.became("anna", "a-2")

    unsaid, became, unknown = asyncio.run(scenario())
    assert unsaid == [f"Done: dismissed. {became}"]
    assert "Something went wrong" in became
    assert "does not know" in unknown
