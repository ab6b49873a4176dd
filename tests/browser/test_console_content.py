"""What a case is about: opened in the platform's viewer by a key, and before the form on a narrow screen."""

from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from playwright.sync_api import expect

from tests.at_night import at_night
from tests.browser.conftest import go
from tests.browser.harness.cases import case, examples, publish
from tests.browser.test_console_work import asked, listed
from tests.kafka.harness.deployment import ROUTING
from tests.kafka.harness.reports import Published


def opened_by_o(page):
    """The parameters of the address that `o` opens in another tab, which knows nothing of the first one."""
    with page.context.expect_page() as viewer:
        page.keyboard.press("o")
    viewer.value.wait_for_load_state()
    assert viewer.value.evaluate("() => window.opener") is None
    assert viewer.value.evaluate("() => document.referrer") == ""
    asked = parse_qs(urlsplit(viewer.value.url).query)
    viewer.value.close()
    return asked


@pytest.mark.nightly
def test_o_opens_the_message_of_the_marked_row_and_of_the_case(deployment, people, channel):
    first, second = case(channel, level=3), case(channel, level=2, message_refs=[])
    publish(deployment, first, second)
    page = listed(people.person(), channel, 2)
    # Without a marked row there is nothing to open.
    page.keyboard.press("o")
    page.keyboard.press("j")
    message = {"channel": [channel], "message": first["message_refs"]}
    assert opened_by_o(page) == message
    assert len(page.context.pages) == 1
    page.keyboard.press("j")
    assert opened_by_o(page) == {"channel": [channel]}

    go(page, f"/cases/{first['escalation_id']}")
    assert opened_by_o(page) == message
    go(page, f"/cases/{second['escalation_id']}")
    assert opened_by_o(page) == {"channel": [channel]}


@pytest.mark.nightly
def test_o_opens_a_request(deployment, people):
    routed = [Published(each["key"].encode(), orjson.dumps(each["value"])) for each in examples(ROUTING)]
    deployment.publisher(topic=ROUTING).publish(routed)
    page = people.person()
    go(page, "/requests")
    while page.locator("main tr[data-id] a").count() == 0:
        go(page, "/requests")
    link = page.locator("main tr[data-id] a").first
    name = link.get_attribute("href").removeprefix("/requests/")
    go(page, f"/requests/{name}")
    assert opened_by_o(page) == {"request": [name]}


@pytest.mark.parametrize("width", [360, *at_night((719, 720, 1280))])
def test_evidence_comes_before_the_form_and_both_are_in_reach(deployment, people, channel, width):
    event = case(channel)
    publish(deployment, event)
    page = listed(people.person(viewport={"width": width, "height": 640}), channel, 1)
    go(page, f"/cases/{event['escalation_id']}")
    evidence, form = page.locator(".why").bounding_box(), page.locator("#act").bounding_box()
    to_form = page.get_by_role("link", name="Decide", exact=True)
    if width >= 720:
        assert evidence["x"] + evidence["width"] <= form["x"]
        assert form["y"] < 640
        expect(to_form).to_be_hidden()
        return
    assert evidence["y"] + evidence["height"] <= form["y"]
    # At the lower edge, wherever one reads.
    for at in (0, 300):
        page.evaluate("at => scrollTo(0, at)", at)
        for link in (to_form, page.get_by_role("link", name="Open message")):
            box = link.bounding_box()
            assert 500 < box["y"] < box["y"] + box["height"] <= 640
    to_form.press("Enter")
    expect(page.locator("#decide")).to_be_in_viewport()


@pytest.mark.nightly
def test_reasons_of_another_area_are_behind_a_choice_and_pointed_out(deployment, people, channel):
    event = case(channel)
    publish(deployment, event)
    page = listed(people.person(), channel, 1)
    go(page, f"/cases/{event['escalation_id']}")
    another, warning = page.locator("select[name=reason_another]"), page.locator("#mismatch")
    page.keyboard.press("u")
    framed = asked(page, "Reason")
    expect(another).to_be_hidden()
    # The first one is that of the category.
    expect(framed.locator(".answers li").first).to_have_text("1 non consensual material deepfake")
    # There are more than digits: the others are in the field, from which Enter goes on.
    first = page.locator("select[name=reason_upheld]")
    first.select_option("another_area")
    first.press("Enter")
    expect(framed.get_by_role("alert")).to_have_text("Choose one.")
    another.select_option("phishing")
    expect(warning).to_be_visible()
    # It fits if something else was found.
    another.press("Enter")
    page.get_by_role("button", name="Category found").press("Enter")
    page.locator("select[name=category]").select_option("fraud")
    expect(warning).to_be_hidden()
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    expect(another).to_be_hidden()
    expect(another).to_have_value("")
