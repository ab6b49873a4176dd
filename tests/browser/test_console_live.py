"""Pages change while they are read, in a real browser."""

import re

import orjson
from playwright.sync_api import expect


import pytest

from tests.browser.conftest import go, ready
from tests.browser.harness.cases import HOUR, MINUTE, case, clock, examples, moment, publish, raised
from tests.browser.test_console_work import decide, listed
from tests.kafka.harness.deployment import ROUTING
from tests.kafka.harness.reports import Published


def row(page, event):
    """The row of the case that stands for an escalation."""
    return page.locator(f"tr[data-id]:has(a.case[href='/cases/{event['escalation_id']}'])")


def places(page):
    links = page.locator("tr[data-id] a.case")
    return links.evaluate_all("links => links.map((link) => link.pathname.replace('/cases/', ''))")


def test_rows_change_where_they_are_and_new_cases_wait_to_be_shown(deployment, people, channel):
    cases = [case(channel, level=level) for level in (3, 2, 1)]
    publish(deployment, *cases)
    page = listed(people.person("desk-1"), channel, 3)
    page.evaluate("() => { window.stays = true; }")
    before = places(page)
    height = row(page, cases[1]).bounding_box()

    # The last one would now be the first, and stays where it is under the pointer.
    publish(deployment, raised(cases[2], 9, "authority_review"), new := case(channel, level=4))
    expect(row(page, cases[2])).to_contain_text("9 authority review")
    expect(page.locator("#offer")).to_contain_text("1 new case")
    assert places(page) == before

    other = people.person("desk-2")
    go(other, f"/cases/{cases[1]['escalation_id']}")
    decide(other)
    other.keyboard.press("Control+Enter")
    expect(row(page, cases[1])).to_contain_text("dismissed by desk-2")
    expect(row(page, cases[1])).to_have_class(re.compile("state-decided"))
    assert places(page) == before
    # The outcome follows the act, and the row is replaced once more: meanwhile the one asked for has no box.
    while (now := row(page, cases[1]).bounding_box()) is None:
        pass
    assert now == height
    assert page.evaluate("() => window.stays")

    page.keyboard.press(".")
    expect(row(page, new)).to_be_visible()
    assert places(page) == [each["escalation_id"] for each in (cases[2], new, cases[0])]


def test_a_page_misses_nothing_while_the_console_is_killed(deployment, people, channel, console):
    cases = [case(channel, level=level) for level in (3, 2)]
    publish(deployment, *cases)
    page = listed(people.person(), channel, 2)
    case_page = people.person()
    go(case_page, f"/cases/{cases[0]['escalation_id']}")
    decide(case_page)
    for each in (page, case_page):
        each.evaluate("() => { window.stays = true; }")

    console.kill()
    for each in (page, case_page):
        expect(each.locator("#connection")).to_contain_text("Connection lost")
    publish(deployment, raised(cases[0], 5, "surge"), case(channel, level=1), case(channel, level=9))
    console.start()

    expect(page.locator("#connection")).to_be_empty()
    expect(row(page, cases[0])).to_contain_text("5 surge")
    expect(page.locator("#offer")).to_contain_text("2 new cases")
    expect(case_page.locator("#offer")).to_contain_text("This case changed")
    assert page.evaluate("() => window.stays") and case_page.evaluate("() => window.stays")

    # What was typed is still there after the case is loaded again.
    case_page.locator("main").focus()
    case_page.keyboard.press(".")
    expect(case_page.get_by_role("main")).to_contain_text("level 5 surge")
    expect(case_page.locator("select[name=rule]")).to_have_value("spam-1")


@pytest.mark.nightly
def test_who_looks_at_the_same_case_is_said(deployment, people, channel):
    event = case(channel)
    publish(deployment, event)
    one, two = people.person("desk-1"), people.person("desk-2")
    listed(one, channel, 1)
    go(one, f"/cases/{event['escalation_id']}")
    expect(one.locator("#viewers")).to_be_empty()
    go(two, f"/cases/{event['escalation_id']}")
    expect(one.locator("#viewers")).to_have_text("desk-2 looks at this case too.")
    expect(two.locator("#viewers")).to_have_text("desk-1 looks at this case too.")
    two.close()
    expect(one.locator("#viewers")).to_be_empty()


@pytest.mark.nightly
def test_times_are_the_readers_own_with_utc_at_hand(deployment, people, channel):
    publish(deployment, case(channel, at="2026-07-01T22:30:00.000Z"))
    page = listed(people.person(), channel, 1)
    opened = page.locator("tr[data-id] small time")
    expect(opened).to_have_text("2026-07-02 00:30")
    expect(opened).to_have_attribute("title", "2026-07-01 22:30 UTC")
    page.get_by_role("button", name="Times in Europe/Berlin").press("Enter")
    expect(opened).to_have_text("2026-07-01 22:30 UTC")
    page.reload()
    ready(page)
    expect(opened).to_have_text("2026-07-01 22:30 UTC")


def number(page, name):
    return page.locator(f"nav.work a[data-work='{name}'] b")


@pytest.mark.nightly
def test_the_numbers_in_the_navigation_follow_what_changes(deployment, people, channel):
    publish(deployment, case(channel))
    page = listed(people.person("desk-1"), channel, 1)
    page.evaluate("() => { window.stays = true; }")
    overdue, mine = (int(number(page, name).inner_text()) for name in ("overdue", "mine"))

    publish(deployment, clock(channel, -HOUR))
    expect(number(page, "overdue")).to_have_text(str(overdue + 1))
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(number(page, "mine")).to_have_text(str(mine + 1))
    assert page.evaluate("() => window.stays")

    # They lead to what they count, also on a page that lists nothing that changes.
    go(page, "/health")
    page.get_by_role("link", name="Mine").click()
    page.wait_for_url(re.compile(r"/desk\?assignee=desk-1$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{mine + 1} waiting")


@pytest.mark.nightly
def test_a_request_that_is_due_is_a_row_for_who_may_answer_it(deployment, people, channel):
    value = next(
        each["value"]
        for each in examples(ROUTING)
        if each["value"]["type"] == "routed" and each["value"]["clocks"]
    )
    request = f"request-{channel}"
    clocks = [
        each | {"clock_id": f"{request}-{number}", "due_at": moment(39 * MINUTE)}
        for number, each in enumerate(value["clocks"])
    ]
    # No other test has an authority of this country.
    value |= {"request_id": request, "clocks": clocks, "authority": value["authority"] | {"country": "IS"}}
    page = people.person("legal-1")
    go(page, "/desk?country=IS")
    expect(page.locator("tr[data-id]")).to_have_count(0)
    due = int(number(page, "requests due").inner_text())
    deployment.publisher(topic=ROUTING).publish([Published(request.encode(), orjson.dumps(value))])
    expect(page.locator("#offer")).to_contain_text("1 new case")
    expect(number(page, "requests due")).to_have_text(str(due + 1))

    page.keyboard.press(".")
    expect(page.locator("tr[data-id]")).to_have_count(1)
    ready(page)
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.locator("tr.current .holder")).to_have_text("legal-1")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/requests/{request}$"))
