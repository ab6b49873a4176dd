"""What people did can be undone by a key for some seconds, and a console that is killed meanwhile has sent nothing."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import go, ready
from tests.browser.harness.cases import case, publish
from tests.browser.harness.console import ConsoleProcess
from tests.browser.test_console_pages import serious, too_wide
from tests.browser.test_console_work import decide, listed, outcomes


@pytest.fixture(scope="module")
def console(deployment, tmp_path_factory):
    """One that holds acts for longer than a test needs on a busy machine."""
    settings = deployment.settings | {"TOCSIN_CONSOLE_HOLD_SECONDS": "60"}
    process = ConsoleProcess(tmp_path_factory.mktemp("holding"), settings)
    process.start()
    yield process
    process.end()


def dismissed(deployment, people, channel):
    """A page of somebody who has just dismissed the one case of a channel, and the case."""
    event = case(channel)
    publish(deployment, event)
    page = listed(people.person(), channel, 1)
    go(page, f"/cases/{event['escalation_id']}")
    decide(page)
    page.keyboard.press("Control+Enter")
    expect(page.locator("form.held")).to_contain_text("Done: dismissed. It is sent in ")
    ready(page)
    return page, event["escalation_id"]


def test_a_key_undoes_a_decision_on_any_page(deployment, people, channel):
    page, case_id = dismissed(deployment, people, channel)
    assert serious(page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert not too_wide(page)
    go(page, "/policies")
    page.locator("main").focus()
    page.keyboard.press("z")
    expect(page.locator("#done")).to_contain_text("Undone, nothing was sent: Done: dismissed.")
    expect(page).to_have_url(re.compile(rf"/cases/{case_id}$"))
    expect(page.locator("form.held")).to_have_count(0)
    assert outcomes(deployment, case_id) == []


def test_a_killed_console_has_sent_nothing_and_says_that_it_does_not_know(
    deployment, people, channel, console
):
    page, case_id = dismissed(deployment, people, channel)
    console.kill()
    console.start()
    # As at the end of the countdown.
    page.clock.install()
    page.clock.fast_forward(90_000)
    expect(page.locator("form.held")).to_contain_text("does not know what became of it")
    expect(page.locator("form.held button")).to_have_count(0)
    go(page, f"/cases/{case_id}")
    expect(page.locator("form.held")).to_have_count(0)
    assert outcomes(deployment, case_id) == []


@pytest.mark.nightly
def test_a_console_that_is_told_to_end_sends_what_it_holds(deployment, people, channel, console):
    _, case_id = dismissed(deployment, people, channel)
    console.terminate()
    assert [each["decision"] for each in outcomes(deployment, case_id)] == ["dismissed"]
    console.start()
