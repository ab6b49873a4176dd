"""What the pages say of legal clocks: of data that must be kept, and of the steps of a clock."""

import re

import pytest

from tests.unit.console_pages import World, lead, text_of
from tests.unit.test_console_acts import CLOCKS, answer, clock_act, end_clock

# A removal order has a clock for the removal, r-1-0, and one for keeping what was removed, r-1-1.
REMOVE, KEEP = "r-1-0", "r-1-1"
MUST_BE_KEPT = (
    "The data must be kept until 2027-05-25 04:00 UTC . {} says that nobody needs to keep it any longer."
)


@pytest.mark.parametrize("outcome", ["fulfilled", "withdrawn"])
def test_the_question_before_data_need_not_be_kept_says_until_when_they_must(world, anna, outcome):
    world.put_request()
    question = clock_act(anna, KEEP, outcome)
    assert MUST_BE_KEPT.format(outcome.capitalize()) in text_of(question.text)
    assert 'kept until <time datetime="2027-05-25T04:00Z">' in question.text
    assert "must be kept" not in clock_act(anna, REMOVE, outcome).text


def test_so_does_the_question_before_an_answer_that_ends_the_clock(world, anna):
    world.put_request()
    question = answer(anna, "r-1", "followed", **CLOCKS | {f"clock_{KEEP}": "ends"})
    assert MUST_BE_KEPT.format("Fulfilled") in text_of(question.text)
    assert "must be kept" not in answer(anna, "r-1", "followed", **CLOCKS).text


def steps_of(page, clock):
    """The steps of the clock of a duty, as words."""
    row = re.search(
        rf'<tr><th scope="row">[^<]*<small class="ref">{re.escape(clock)}<.*?<ol class="steps">(.*?)</ol>',
        page,
        re.S,
    )
    return [text_of(f"<main{step}") for step in re.findall(r"<li>(.*?)</li>", row[1])]


def put_step(world, routed, number, **changes):
    """A step of the clock by which data are kept, as the stage of requests publishes it."""
    clock = routed["clocks"][1] | changes.pop("clock")
    world.put("authority-routing", routed | {
        "sequence": number, "type": "clock_updated", "clocks": [clock], "findings": None, **changes,
    })  # fmt: skip


def test_a_duty_to_keep_is_armed_with_the_order_and_counted_anew_from_the_removal(world, anna):
    routed = world.put_request()
    armed, removed = "2026-11-24 12:00 UTC", "2026-11-24 12:16 UTC"
    at = "2026-11-24T12:16:00.000Z"
    counted = {"started_at": at, "due_at": "2027-05-25T04:00:00.000Z"}
    put_step(world, routed, 2, at=at, reason="clock_resumed", clock=counted)
    page = anna.page("/requests/r-1")
    assert steps_of(page, "EU.tco.art6") == [
        f"{armed} clock armed",
        f"{removed} counted anew from the removal",
    ]
    timeline = page.partition('<h2 id="timeline">')[2]
    assert "counted anew from the removal" in timeline
    assert "resumed" not in timeline


def test_a_duty_to_keep_that_would_end_before_a_removal_is_reported_is_counted_anew(world, anna):
    routed = world.put_request()
    end = routed["clocks"][1]["due_at"]
    counted = {"started_at": end, "due_at": "2027-11-26T04:00:00.000Z"}
    put_step(world, routed, 2, at=end, reason="clock_resumed", clock=counted)
    assert steps_of(anna.page("/requests/r-1"), "EU.tco.art6")[1:] == [
        "2027-05-25 04:00 UTC counted anew while no removal is reported"
    ]


def test_a_clock_that_was_paused_is_resumed(world, anna):
    routed = world.put_request()
    at = "2026-11-24T13:00:00.000Z"
    put_step(world, routed, 2, at=at, reason="clock_paused", clock={"status": "paused"})
    put_step(world, routed, 3, at=at, reason="clock_resumed", clock={"due_at": "2027-05-26T04:00:00.000Z"})
    steps = [step.partition(" UTC ")[2] for step in steps_of(anna.page("/requests/r-1"), "EU.tco.art6")]
    assert steps == ["clock armed", "clock paused", "clock resumed"]


def test_a_wait_is_no_due_time(world, anna):
    world.put_request("r-1", "production-order-notified")
    world.put_request("r-2")
    page = anna.page("/clocks")
    assert page.count("<td>not before <time") == 1
    assert "not before" in re.search(r'<tr data-id="r-1-0">.*?</tr>', page, re.S)[0]
    world.put_request("r-3", "production-order-notified", gate="human_review")
    assert ", not before 2026-12-05 04:00 UTC , of request r-3" in text_of(
        clock_act(anna, "r-3-0", "withdrawn").text
    )


def test_who_was_slower_still_sees_the_channel_of_which_they_looked_at_clocks(world, anna):
    world.put_clock("c-1", channel_ref="chan-a")
    world.put_clock("c-2", channel_ref="chan-a")
    world.put_clock("c-3", channel_ref="chan-b")
    seen = anna.page("/clocks?key=chan-a")
    end_clock(world.browser(lead("ben")), "c-1", "withdrawn")
    late = clock_act(anna, "c-1", "fulfilled", seen)
    assert late.status_code == 409
    assert 'name="key" value="chan-a"' in late.text
    assert re.findall(r'<tr data-id="([^"]*)"', late.text) == ["c-2"]
    # What that page offers leads back to the same view.
    assert end_clock(anna, "c-2", "fulfilled", late.text).headers["location"] == "/clocks?key=chan-a"
