"""The list of cases: rows as they are now, what a view lists, the next case, and what a page is told
afterwards.
"""

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from streams.contract.wire.encoding import encode
from streams.contract.wire.topics import MODERATION_OUTCOMES
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.web import requests
from streams.desk.console.web.cases import case, desk
from streams.running.clients.published_event import published_event
from streams.running.wall_clock import clock_ms
from tests.categories import CATEGORIES
from tests.unit.console_pages import World, lead, text_of
from tests.unit.test_console_acts import DISMISSED, act


def rows(page):
    """The rows of a page by the escalation, or the request, to which they lead."""
    return {
        html.unescape(re.search(r'class="case" href="/(?:cases|requests)/([^"]+)"', row)[1]): html.unescape(
            row
        )
        for row in re.findall(r"<tr data-id=(.*?)</tr>", page, re.S)
    }


def published_outcome(outcome):
    return published_event(MODERATION_OUTCOMES, encode(outcome), "another-system", clock_ms())


def in_view(page):
    listed = re.findall(r'<tbody class="in-view">(.*?)</tbody>', page, re.S)
    return [name for each in listed for name in rows(each)]


def test_rows_are_given_as_they_are_now_and_say_whether_the_view_lists_them(world):
    anna = world.browser(lead("anna"))
    for name, level in (("e-1", 1), ("e-2", 3), ("e-3", 3)):
        world.put_case(name, level=level)
    act(anna, "/cases/e-3", "decided", **DISMISSED)
    ids = "+".join(map(world.case_id, ("e-1", "e-2", "e-3")))
    page = anna.page(f"/desk/rows?ids={ids}+none&level=2")
    assert set(rows(page)) == {"e-1", "e-2", "e-3"}
    assert in_view(page) == ["e-2"]
    assert "dismissed by anna" in " ".join(text_of(f"<main{rows(page)['e-3']}").split())


def test_rows_of_cases_that_a_person_may_not_see_are_left_out(world):
    world.put_case("e-1", category="csam")
    world.put_case("e-2", category="fraud")
    person = lead("anna", categories=frozenset(CATEGORIES) - {"csam"})
    browser = world.browser(person)
    assert set(rows(browser.page(f"/desk/rows?ids={world.case_id('e-1')}+{world.case_id('e-2')}"))) == {"e-2"}
    assert browser.get(f"/desk/next/{world.case_id('e-1')}").status_code == 404
    assert browser.get(f"/desk/next/{world.case_id('e-2')}").headers["location"] == "/desk?"


def test_more_rows_than_a_page_has_are_refused(world):
    ids = "+".join(f"e-{number}" for number in range(101))
    assert "ids are at most 100" in world.browser().page(f"/desk/rows?ids={ids}", 400)


def test_the_place_of_a_row_is_where_the_next_page_begins(world):
    for number in range(101):
        world.put_case(f"e-{number:03}", level=1 + number % 3)
    page = world.browser().page("/desk")
    (more,) = (html.unescape(found) for found in re.findall(r'<a href="(/desk\?[^"]+)">More cases', page))
    *_, last = rows(page).values()
    assert parse_qs(urlsplit(more).query)["after"] == re.findall('data-place="(.*?)" class', last)
    assert len(rows(page)) == 100
    assert len(rows(world.browser().page(more))) == 1


def test_the_next_case_follows_in_the_view_and_is_nobody_elses(world):
    anna, ben = world.browser(lead("anna")), world.browser(lead("ben"))
    for number, level in enumerate((5, 4, 3, 2)):
        world.put_case(f"e-{number}", level=level)
    act(ben, "/cases/e-1", "claimed")

    def following(case, view=""):
        return anna.get(f"/desk/next/{world.case_id(case)}?{view}").headers["location"]

    assert following("e-0") == "/cases/e-2"
    # It has left the view, and what follows it is still known.
    act(anna, "/cases/e-2", "decided", **DISMISSED)
    assert following("e-2") == "/cases/e-3"
    # After the last one, the view.
    assert following("e-3", "level=2") == "/desk?level=2"
    # One's own is not left out.
    act(anna, "/cases/e-3", "claimed")
    assert following("e-0") == "/cases/e-3"
    assert anna.get("/desk/next/e-9").status_code == 404
    assert anna.get(f"/desk/next/{world.case_id('e-0')}?by=colour").status_code == 400


def test_what_another_system_decided_names_its_reviewer(world):
    event = world.put_case("e-1")
    outcome = {
        "outcome_id": "o-1",
        "subject": {"kind": "escalation", "channel_ref": event["channel_ref"], "escalation_id": "e-1"},
        "decision": "upheld",
        "category": "fraud",
        "ground": {"kind": "terms", "rule": "spam-1"},
        "reason": "phishing",
        "decided_at": "2026-11-24T12:00:00Z",
        "reviewer": {"ref": "other-system", "role": "desk"},
        "confidence": "one_reviewer",
    }
    world.put(
        "moderation-outcomes", published_outcome(outcome).value, headers=published_outcome(outcome).headers
    )
    row = rows(world.browser().page(f"/desk/rows?ids={world.case_id('e-1')}"))["e-1"]
    assert "upheld by other-system" in " ".join(text_of(f"<main{row}").split())


@pytest.mark.parametrize(
    ("where", "reads", "path"),
    [
        (desk, "desk_page", "/desk"),
        (case, "known_case", "/cases/e-1"),
        (requests, "known_request", "/requests/r-1"),
    ],
)
def test_a_page_is_told_of_what_changed_while_it_was_made(world, monkeypatch, where, reads, path):
    """The position that a page has is that from before it read, or the change would be told to nobody."""
    world.put_case("e-1")
    world.put_request("r-1")
    browser = world.browser()
    feed = browser.app.state.console.feed
    read = getattr(where, reads)

    def read_and_then_it_changes(*arguments):
        found = read(*arguments)
        feed.tell(Changes(cases={"e-1"}))
        return found

    monkeypatch.setattr(where, reads, read_and_then_it_changes)
    (position,) = re.findall(r'data-position="([^"]*)"', browser.page(path))
    assert [told.ids for told in feed.since(position)] == [("e-1",)]


def test_every_page_has_a_position_so_that_its_numbers_follow(world):
    browser = world.browser()
    position = browser.app.state.console.feed.position
    assert f'data-position="{position}"' in browser.page("/health")


def test_cases_of_the_hardest_categories_are_marked_for_the_counter_in_the_browser(world):
    world.put_case("e-1", category="csam")
    world.put_case("e-2", category="spam")
    browser = world.browser()
    assert 'data-floor="yes"' in browser.page("/cases/e-1")
    assert 'data-floor=""' in browser.page("/cases/e-2")
