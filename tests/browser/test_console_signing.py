"""What is signed, what ends a clock, and the times beside it, in a real browser."""

import re

import orjson
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import go, ready
from tests.browser.harness.cases import HOUR, case, clock, examples, publish, with_two_people
from tests.browser.test_console_pages import keep_picture, serious, too_wide
from tests.browser.test_console_work import decide, listed
from tests.kafka.harness.deployment import ROUTING
from tests.kafka.harness.reports import Published

# A time of day, beside its zone where one is said.
TIME = re.compile(r"\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z| UTC)?")


def case_with_clock(channel, **changes):
    """A clock of a message, and a case that names the message."""
    of_message = clock(channel, 5 * HOUR)
    return of_message, case(channel, message_refs=of_message["message_refs"], **changes)


def joined(page, channel):
    """The desk of a channel, once it lists the clock and the policy as one case."""
    listed(page, channel, 1)
    while page.get_by_text("1 clock, 1 policy").count() == 0:
        go(page, f"/desk?channel={channel}")
    return page


def opened(page, channel, event):
    """The page of a case, once the desk lists it."""
    joined(page, channel)
    go(page, f"/cases/{event['escalation_id']}")
    return page


def choose_what_becomes(page, outcome):
    decide(page)
    answer = page.locator(".question.framed").get_by_role("button", name=outcome)
    expect(answer).to_be_visible()
    answer.press("Enter")
    expect(page.locator("select[name^=clock_]")).to_have_value(outcome)


def test_a_key_confirms_what_ends_a_clock_and_the_next_page_says_it(deployment, people, channel):
    of_message, event = case_with_clock(channel)
    publish(deployment, of_message, event)
    page = opened(people.person(), channel, event)
    decide(page)
    # Nothing is preset, and without a choice nothing is sent.
    page.keyboard.press("Control+Enter")
    expect(page.locator("select[name^=clock_]")).to_have_js_property("validity.valueMissing", True)
    page.keyboard.press("2")
    expect(page.get_by_role("button", name="Decide")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Decide: dismissed?")
    ready(page)
    assert serious(page) == []
    # What was chosen is still there for who changes their mind.
    page.get_by_role("button", name="Change it").press("Enter")
    expect(page.locator("select[name^=clock_]")).to_have_value("withdrawn")
    ready(page)
    page.get_by_role("button", name="Decide").press("Control+Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Decide: dismissed?")
    ready(page)
    page.locator("main").focus()
    page.keyboard.press("y")
    expect(page.locator("#done")).to_contain_text("Done: dismissed. Ended: Remove an intimate depiction")
    expect(page.locator("#done")).to_contain_text("withdrawn.")


@pytest.mark.nightly
def test_without_scripts_a_clock_ends_after_one_question(deployment, people, channel):
    of_message, event = case_with_clock(channel)
    publish(deployment, of_message, event)
    joined(people.person(), channel)
    page = people.person(java_script_enabled=False)
    page.goto(f"/clocks?key={channel}")
    page.get_by_role("button", name="Fulfilled").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Fulfilled?")
    expect(page.get_by_role("listitem")).to_contain_text("Remove an intimate depiction")
    # Times are in UTC, and say so.
    expect(page.get_by_role("listitem").locator("time")).to_have_text(re.compile(r"^[-\d]+ [:\d]+ UTC$"))
    page.get_by_role("button", name="Fulfilled").click()
    # No worker runs here that could apply it.
    expect(page.get_by_role("alert")).to_contain_text("Recorded: Remove an intimate depiction")


@pytest.mark.nightly
@pytest.mark.parametrize("utc", [False, True])
def test_all_times_of_a_case_are_in_one_zone(deployment, people, channel, utc):
    of_message, event = case_with_clock(channel)
    publish(deployment, of_message, event)
    page = opened(people.person(), channel, event)
    if utc:
        page.get_by_role("button", name="Times in Europe/Berlin").press("Enter")
    for address in (f"/cases/{event['escalation_id']}", f"/cases/{of_message['escalation_id']}"):
        go(page, address)
        texts = page.locator("main").evaluate("main => [main.textContent]")
        found = TIME.findall(texts[0])
        assert len(found) > 5
        assert {each.endswith(" UTC") for each in found} == {utc}, found
    # The drawing too: its window ends when the case was last changed.
    go(page, f"/cases/{event['escalation_id']}")
    at = page.evaluate("at => new Date(at).toLocaleString('sv-SE')", event["at"])[:16]
    shown = f"{event['at'][:16].replace('T', ' ')} UTC" if utc else at
    expect(page.locator("svg tspan").nth(1)).to_have_text(shown)
    expect(page.locator(".timeline")).to_contain_text(shown[:16])
    # Only what a line begins with stands apart: after a time within it a colon may follow.
    page.locator(".timeline li").first.evaluate("li => li.append(document.createElement('time'))")
    within = page.locator(".timeline li").first.locator("time").last
    expect(within).to_have_css("margin-inline-end", "0px")


@pytest.mark.nightly
def test_after_a_decision_take_back_is_filled_with_its_opposite(deployment, people, channel):
    event = case(channel)
    publish(deployment, event)
    page = people.person()
    listed(page, channel, 1)
    go(page, f"/cases/{event['escalation_id']}")
    decide(page)
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/desk\?"))
    go(page, f"/cases/{event['escalation_id']}")
    page.get_by_text("Take back").press("Enter")
    expect(page.get_by_label("upheld", exact=True)).to_be_checked()


@pytest.mark.nightly
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_signing_are_accessible_and_have_any_width(deployment, people, channel, scheme):
    of_message, event = case_with_clock(channel)
    event = with_two_people(event)
    publish(deployment, of_message, event)
    first = opened(people.person("desk-1"), channel, event)
    choose_what_becomes(first, "fulfilled")
    first.get_by_role("button", name="Decide").press("Control+Enter")
    first.wait_for_url(re.compile(r"/desk"))
    (refused,) = [each for each in examples(ROUTING) if each["value"]["decision"] == "refused"][:1]
    value = refused["value"] | {"request_id": f"request-{channel}"}
    publish_request(deployment, value)
    page = people.person("desk-2", color_scheme=scheme, reduced_motion="reduce")
    legal = people.person("legal-1", color_scheme=scheme, reduced_motion="reduce")
    faults = []
    request = f"/requests/{value['request_id']}"
    while legal.request.get(request).status == 404:
        pass
    for who, name, address in (
        (page, "sign", f"/cases/{event['escalation_id']}"),
        (page, "refused", request),
        (legal, "refused-legal", request),
    ):
        go(who, address)
        for width, height in ((1280, 860), (390, 844)):
            who.set_viewport_size({"width": width, "height": height})
            keep_picture(who, f"{name}-{scheme}-{width}", full_page=width == 390)
            faults += [f"{name} {width}: {fault}" for fault in (*too_wide(who), *serious(who))]
    assert not faults, "\n".join(faults)


def publish_request(deployment, value):
    records = [Published(value["request_id"].encode(), orjson.dumps(value))]
    deployment.publisher(topic=ROUTING).publish(records)
