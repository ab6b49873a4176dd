"""How many keys a decision takes from the list of cases, without a mouse."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ready
from tests.browser.harness.cases import HOUR, case, clock, publish, with_two_people
from tests.browser.test_console_pages import serious, too_wide
from tests.browser.test_console_work import asked, listed, outcomes

MOST_KEYS = 6


class Keys:
    """Presses keys one by one, each on a page that is ready for it, and counts them."""

    def __init__(self, page):
        self.pressed = []
        self._page = page

    def press(self, *keys):
        for key in keys:
            ready(self._page)
            self._page.keyboard.press(key)
            self.pressed.append(key)


@pytest.mark.nightly
def test_upholding_with_an_action_takes_five_keys_and_l_repeats_the_ground(deployment, people, channel):
    first, second = case(channel, level=3), case(channel, level=2)
    publish(deployment, first, second)
    page = listed(people.person(), channel, 2)
    keys = Keys(page)
    # No row is marked: the first one is opened.
    keys.press("u")
    asked(page, "Reason")
    keys.press("1")
    asked(page, "Judged by")
    # What was judged by before is nothing yet, and no answer is taken for it.
    page.keyboard.press("l")
    expect(page.locator("#notice")).to_have_text("Nothing was judged in this tab yet.")
    asked(page, "Judged by")
    keys.press("1")
    asked(page, "Content")
    keys.press("1", "Control+Enter")
    page.wait_for_url(f"**/cases/{second['escalation_id']}")
    assert len(keys.pressed) == 5
    (outcome,) = outcomes(deployment, first["escalation_id"])
    assert (outcome["decision"], outcome["action"]["visibility"]) == ("upheld", "removed")
    assert "account" not in outcome["action"]

    # The next case is the next one of the list, and its ground is that of the last one by one key, whatever comes first.
    keys = Keys(page)
    keys.press("m", "1")
    asked(page, "Judged by")
    keys.press("l", "Enter")
    page.wait_for_url("**/desk?**")
    assert len(keys.pressed) == 4
    (again,) = outcomes(deployment, second["escalation_id"])
    assert (again["decision"], again["ground"]) == ("manifestly_unfounded", outcome["ground"])


def test_a_proposal_takes_five_keys_and_its_signature_two(deployment, people, channel):
    event = with_two_people(case(channel))
    publish(deployment, event)
    first = listed(people.person("desk-1"), channel, 1)
    proposing = Keys(first)
    proposing.press("u")
    asked(first, "Reason")
    proposing.press("1", "1")
    asked(first, "Content")
    proposing.press("1", "Control+Enter")
    expect(first.locator("#done")).to_contain_text("Proposed: a second person must sign")
    assert outcomes(deployment, event["escalation_id"]) == []

    second = listed(people.person("desk-2"), channel, 1)
    signing = Keys(second)
    signing.press("Enter")
    second.wait_for_url("**/cases/*")
    signing.press("y")
    expect(second.locator("#done")).to_have_text("Signed: upheld.")
    (outcome,) = outcomes(deployment, event["escalation_id"])
    assert (outcome["confidence"], outcome["reviewer"]["ref"]) == ("two_agree", "desk-2")
    assert max(len(proposing.pressed), len(signing.pressed)) <= MOST_KEYS


@pytest.mark.parametrize("clocks", [pytest.param(1, marks=pytest.mark.nightly), 2])
def test_a_dismissal_that_ends_clocks_takes_six_keys_with_the_question(deployment, people, channel, clocks):
    ends = [
        clock(channel, (5 + each) * HOUR, ("US.take-it-down.s3", "IN.itr.3-2-b")[each])
        for each in range(clocks)
    ]
    message = ends[0]["message_refs"]
    event = case(channel, message_refs=message)
    publish(deployment, *(each | {"message_refs": message} for each in ends), event)
    page = listed(people.person(), channel, 1)
    expect(page.locator("tr[data-id]")).to_contain_text(re.compile(rf"{clocks} clocks?, 1 policy"))
    keys = Keys(page)
    keys.press("x")
    asked(page, "Reason")
    keys.press("1", "1")
    # Nothing is preset that ends a clock: without an answer nothing is sent, and the question says so.
    framed = page.locator(".question.framed")
    expect(framed).to_contain_text("clock", ignore_case=True)
    page.keyboard.press("Control+Enter")
    expect(framed.get_by_role("alert")).to_have_text("Choose one.")
    assert serious(page) == []
    keys.press("2")
    expect(page.get_by_role("button", name="Decide")).to_be_focused()
    for each in page.locator("select[name^=clock_]").all():
        expect(each).to_have_value("withdrawn")
    keys.press("Control+Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Decide: dismissed?")
    keys.press("y")
    expect(page.locator("#done")).to_contain_text("Done: dismissed.")
    expect(page.locator("#done")).to_contain_text("withdrawn")
    assert len(keys.pressed) == MOST_KEYS


@pytest.mark.nightly
def test_an_answer_is_a_line_that_unfolds_it_again(deployment, people, channel):
    event = case(channel)
    publish(deployment, event)
    page = listed(people.person(), channel, 1)
    page.keyboard.press("x")
    asked(page, "Reason")
    # Not more than one question is in sight, and no key answers what is not asked.
    expect(page.locator(".question.framed")).to_have_count(1)
    page.keyboard.press("9")
    asked(page, "Reason")
    page.keyboard.press("1")
    asked(page, "Judged by")
    page.keyboard.press("Backspace")
    asked(page, "Reason")
    page.keyboard.press("2")
    # Another decision asks for another reason; what else was answered stays.
    page.keyboard.press("1")
    page.keyboard.press("u")
    asked(page, "Reason")
    line = page.get_by_role("button", name="Judged by:")
    expect(line).to_be_visible()
    line.press("Enter")
    asked(page, "Judged by")
    page.set_viewport_size({"width": 390, "height": 800})
    assert not too_wide(page)
    assert serious(page) == []
