"""People work on cases, in a real browser."""

import re

import orjson
from playwright.sync_api import expect

import pytest

from tests.browser.conftest import go, ready
from tests.browser.harness.cases import case, publish, with_two_people
from tests.kafka.harness.deployment import MODERATION


def listed(page, channel, cases):
    """The desk of a channel, once it lists so many cases."""
    go(page, f"/desk?channel={channel}")
    while page.locator("tr[data-id]").count() < cases:
        go(page, f"/desk?channel={channel}")
    return page


def asked(page, question):
    """The question that is framed, once it is this one."""
    framed = page.locator(".question.framed")
    expect(framed).to_have_attribute("data-question", question)
    return framed


def decide(page, key="x"):
    """Choose a decision by its key, the first reason and a rule of the terms, all by the keyboard."""
    page.keyboard.press(key)
    expect(asked(page, "Reason")).to_be_focused()
    page.keyboard.press("1")
    asked(page, "Judged by")
    rule = page.locator("select[name=rule]")
    for _ in range(16):
        if rule.evaluate("field => field === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(rule).to_be_focused()
    page.keyboard.type("Spam")
    # Only Enter goes on from a field.
    asked(page, "Judged by")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Judged by: Spam and inauthentic accounts")).to_be_visible()


def outcomes(deployment, case_id):
    rows = deployment.outputs().all(deployment.name(MODERATION))
    found = [orjson.loads(row.value) for row in rows]
    return [each for each in found if each["subject"].get("escalation_id") == case_id]


def test_the_path_to_a_decision_needs_no_mouse(deployment, people, channel):
    first, second = case(channel, level=3), case(channel, level=2)
    publish(deployment, first, second)
    page = listed(people.person(), channel, 2)

    page.keyboard.press("j")
    marked = page.locator("tr.current a.case")
    expect(marked).to_have_attribute("href", f"/cases/{first['escalation_id']}")
    page.keyboard.press("ArrowDown")
    expect(marked).to_have_attribute("href", f"/cases/{second['escalation_id']}")
    page.keyboard.press("k")
    expect(page.locator("tr.current a.case")).to_be_focused()

    page.keyboard.press("a")
    expect(page.locator("#notice")).to_have_text("Claimed.")
    expect(page.locator("tr.current .holder")).to_have_text("desk-1")
    expect(page.locator("tr.current a.case")).to_be_focused()

    page.keyboard.press("Enter")
    page.wait_for_url(f"**/cases/{first['escalation_id']}")
    ready(page)
    decide(page)
    # Only what belongs to the chosen decision is asked.
    expect(page.get_by_text("Reason if upheld")).to_be_hidden()
    expect(page.get_by_text("Content, if upheld")).to_be_hidden()
    expect(page.get_by_role("button", name="Decide")).to_be_focused()
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/cases/{second['escalation_id']}")
    expect(page.locator("#done")).to_contain_text("Done: dismissed. This is what comes next")
    (outcome,) = outcomes(deployment, first["escalation_id"])
    assert outcome["decision"] == "dismissed"
    assert outcome["ground"] == {"kind": "terms", "rule": "spam-1"}
    assert outcome["reviewer"]["ref"] == "desk-1"

    # The last one leads back to the list.
    ready(page)
    decide(page, "u")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(rf"/desk\?channel={channel}$"))
    expect(page.get_by_text("Nothing waits here.")).to_be_visible()
    assert outcomes(deployment, second["escalation_id"])[0]["decision"] == "upheld"


@pytest.mark.nightly
def test_keys_on_the_desk_open_the_case_at_the_decision(deployment, people, channel):
    publish(deployment, case(channel))
    page = listed(people.person(), channel, 1)
    page.keyboard.press("j")
    page.keyboard.press("m")
    expect(asked(page, "Reason")).to_be_focused()
    expect(page.get_by_role("button", name="Decision: manifestly unfounded")).to_be_visible()


def test_of_two_who_decide_at_once_one_counts_and_the_other_reads_who(deployment, people, channel):
    event = case(channel)
    publish(deployment, event)
    pages = [listed(people.person(ref), channel, 1) for ref in ("desk-1", "desk-2")]
    for page in pages:
        go(page, f"/cases/{event['escalation_id']}")
        decide(page)
    # Both are sent before one of them is answered.
    for page in pages:
        page.evaluate("() => void setTimeout(() => document.querySelector('#decide').requestSubmit(), 0)")
    for page in pages:
        page.wait_for_url(re.compile(r"/acts$|/desk\?"))
    (loser,) = [page for page in pages if page.url.endswith("/acts")]
    (winner,) = outcomes(deployment, event["escalation_id"])
    expect(loser.get_by_role("alert")).to_contain_text(
        f"This did not count: somebody else was faster. {winner['reviewer']['ref']} did this: decided."
    )
    ready(loser)
    # What the loser had typed is still there, folded: no key overturns the winner.
    rule = loser.get_by_role("button", name="Judged by: Spam and inauthentic accounts")
    expect(loser.locator("select[name=rule]")).to_have_value("spam-1")
    expect(rule).to_be_hidden()
    loser.keyboard.press("u")
    loser.keyboard.press("Control+Enter")
    expect(loser.locator("details.fold")).not_to_have_attribute("open", "")
    loser.get_by_text("Take back").press("Enter")
    expect(rule).to_be_visible()
    assert len(outcomes(deployment, event["escalation_id"])) == 1


def test_a_second_person_signs_and_the_first_one_cannot(deployment, people, channel):
    event = with_two_people(case(channel))
    publish(deployment, event)
    first = listed(people.person("desk-1"), channel, 1)
    address = f"/cases/{event['escalation_id']}"
    go(first, address)
    decide(first)
    first.keyboard.press("Control+Enter")
    first.wait_for_url(re.compile(r"/desk\?"))
    expect(first.locator("#done")).to_contain_text("Proposed: a second person must sign")
    go(first, address)
    expect(first.get_by_role("heading", name="Waits for a second person")).to_be_visible()
    expect(first.get_by_role("button", name="Sign")).to_have_count(0)
    assert outcomes(deployment, event["escalation_id"]) == []

    second = people.person("desk-2")
    go(second, address)
    expect(second.locator("#decide")).to_be_hidden()
    second.keyboard.press("x")
    expect(second.locator("#decide")).to_be_hidden()
    second.keyboard.press("y")
    expect(second.locator("#done")).to_have_text("Signed: dismissed.")
    expect(second.get_by_role("heading", name="Waits for a second person")).to_have_count(0)
    (outcome,) = outcomes(deployment, event["escalation_id"])
    assert (outcome["confidence"], outcome["reviewer"]["ref"]) == ("two_agree", "desk-2")


@pytest.mark.nightly
def test_keys_do_nothing_where_one_types(deployment, people, channel):
    event = case(channel)
    publish(deployment, event)
    page = listed(people.person(), channel, 1)
    posts = []
    page.on("request", lambda request: request.method == "POST" and posts.append(request.url))
    page.keyboard.press("j")
    # The filter is folded until somebody asks for it.
    page.keyboard.press("f")
    expect(page.locator("select[name=listed]")).to_be_focused()
    country = page.locator(".filters input[name=assignee]")
    country.focus()
    page.keyboard.type("jare.?/gd")
    expect(country).to_have_value("jare.?/gd")
    page.locator(".filters select[name=clock]").focus()
    page.keyboard.type("are?gd")
    expect(page.locator("dialog[open]")).to_have_count(0)

    # Escape leaves the field; a dialog takes the keys until it is closed.
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.type("arex")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)

    # With a modifier a key is the browser's.
    page.keyboard.press("Control+a")
    page.keyboard.press("Alt+e")
    go(page, f"/cases/{event['escalation_id']}")
    page.locator("select[name=note]").focus()
    page.keyboard.type("aresuxmol1")
    expect(page.locator("input[name=decision]:checked")).to_have_count(0)
    assert len(page.context.pages) == 1
    assert posts == []
    assert page.url.endswith(event["escalation_id"])


@pytest.mark.nightly
def test_the_palette_goes_to_a_case_by_its_id(deployment, people, channel):
    event = case(channel)
    publish(deployment, event)
    page = listed(people.person(), channel, 1)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Go to, or do")).to_be_focused()
    page.keyboard.type(event["escalation_id"][:-1])
    chosen = page.locator("#palette li[aria-selected=true]")
    expect(chosen).to_contain_text(event["escalation_id"])
    expect(page.locator("#palette-said")).to_have_text("1 found")
    expect(page.get_by_role("combobox")).to_have_attribute("aria-activedescendant", "place-0")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/cases/{event['escalation_id']}")


@pytest.mark.nightly
def test_enter_in_the_palette_takes_what_fits_all_that_was_typed(deployment, people, channel):
    """However fast somebody types: not what fitted the first letters."""
    publish(deployment, case(channel))
    page = listed(people.person(), channel, 1)
    page.keyboard.press("Control+k")
    page.keyboard.type("heal")
    page.keyboard.press("Enter")
    page.wait_for_url("**/health")


@pytest.mark.nightly
def test_the_palette_does_with_the_marked_row_what_can_be_done_with_it(deployment, people, channel):
    publish(deployment, case(channel))
    page = listed(people.person(), channel, 1)
    page.keyboard.press("Control+k")
    page.keyboard.type("claim")
    expect(page.locator("#palette-said")).to_contain_text("Nothing found")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)

    page.keyboard.press("j")
    expect(page.locator("tr.current")).to_have_count(1)
    page.keyboard.press("Control+k")
    page.keyboard.type("claim")
    expect(page.locator("#palette li[aria-selected=true]")).to_contain_text("Claim: ")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_have_text("Claimed.")
    expect(page.locator("tr.current .holder")).to_have_text("desk-1")

    # On the page of the case too; what is not claimed there, is released.
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/*")
    ready(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("rele")
    expect(page.locator("#palette li[aria-selected=true]")).to_contain_text("Release: ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Claim")).to_be_visible()
    ready(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("manif")
    expect(page.locator("#palette li[aria-selected=true]")).to_contain_text("Call manifestly unfounded")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Decision: manifestly unfounded")).to_be_visible()


@pytest.mark.nightly
def test_a_filter_is_pressed_saved_and_found_again_by_the_keyboard(deployment, people, channel):
    publish(deployment, case(channel), case(channel, category="csam"))
    page = listed(people.person(), channel, 2)
    page.keyboard.press("4")
    page.wait_for_url("**at_stake=children**")
    ready(page)
    chip = page.get_by_role("button", name="Children")
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(page.locator("tr[data-id]")).to_have_count(1)

    page.keyboard.press("f")
    page.get_by_role("link", name="Save as a view").press("Enter")
    page.wait_for_url("**/views?*")
    ready(page)
    page.get_by_label("Name").focus()
    name = f"Children of {channel}"
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.locator("#done")).to_have_text(f"Saved as the view {name}.")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Desk: {name}")

    go(page, "/health")
    page.keyboard.press("Control+k")
    page.keyboard.type(name.lower())
    expect(page.locator("#palette li[aria-selected=true]")).to_contain_text(name)
    page.keyboard.press("Enter")
    page.wait_for_url("**at_stake=children**")
    ready(page)
    expect(page.locator("tr[data-id]")).to_have_count(1)
    page.keyboard.press("4")
    page.wait_for_url(lambda url: "at_stake" not in url)
    ready(page)
    expect(page.locator("tr[data-id]")).to_have_count(2)


def test_the_next_case_is_one_on_which_nobody_else_works(deployment, people, channel):
    cases = [case(channel, level=level) for level in (5, 4, 3)]
    publish(deployment, *cases)
    other = listed(people.person("desk-2"), channel, 3)
    other.keyboard.press("j")
    other.keyboard.press("j")
    other.keyboard.press("a")
    expect(other.locator("#notice")).to_have_text("Claimed.")
    page = listed(people.person("desk-1"), channel, 3)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/cases/{cases[0]['escalation_id']}")
    ready(page)
    page.keyboard.press("n")
    page.wait_for_url(f"**/cases/{cases[2]['escalation_id']}")


@pytest.mark.nightly
def test_hard_cases_are_counted_in_this_browser_only(deployment, people, channel):
    events = [case(channel, category=category) for category in ("csam", "csam", "spam")]
    publish(deployment, *events)
    page = listed(people.person(), channel, 3)
    for event in [*events, events[0]]:
        go(page, f"/cases/{event['escalation_id']}")
    expect(page.locator("#shift summary")).to_have_text("2 hard cases")
    page.evaluate("""() => {
        const shift = JSON.parse(localStorage.getItem('tocsin.shift'));
        shift.rested -= 100 * 60_000;
        shift.cases = Array.from({ length: 30 }, (_, index) => `case-${index}`);
        localStorage.setItem('tocsin.shift', JSON.stringify(shift));
    }""")
    go(page, f"/desk?channel={channel}")
    expect(page.locator("#shift summary")).to_have_text("30 hard cases · hand over · rest")
    page.locator("#shift summary").press("Enter")
    page.get_by_role("button", name="I had a break").press("Enter")
    expect(page.locator("#shift summary")).to_have_text("30 hard cases · hand over")
