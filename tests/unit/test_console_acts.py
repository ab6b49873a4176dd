"""What forms of the console do: acts on cases, requests and clocks, by one person or two, and on many cases
at once.
"""

import asyncio
import re

import pytest

from streams.desk.console.publisher import Publisher
from streams.running.operations.console_metric_catalogue import CONSOLE_ACTS
from streams.running.operations.values import Numbers
from tests.unit.console_pages import DUTIES, World, example, hidden_fields, lead, text_of

DISMISSED = {
    "decision": "dismissed",
    "reason_dismissed": "not_a_violation",
    "category": "fraud",
    "rule": "spam-1",
}
UPHELD = {
    "decision": "upheld",
    "reason_upheld": "phishing",
    "category": "fraud",
    "rule": "spam-1",
    "visibility": "removed",
}
GUARDED = {"rule_of_law": {"tier": "guarded", "decision": "two_person_review", "reasons": ["why"]}}


def act(browser, path, kind, page=None, **fields):
    """Send a form of a case's page, as it is now or as it was on `page`."""
    return browser.submit(page or browser.page(path), f"{path}/acts", of_kind=kind, **fields)


def kinds(world):
    return [act["kind"] for act in world.sent("case-activity")]


def test_a_case_is_claimed_and_released_by_who_has_it(world, anna, ben):
    world.put_case()
    assert act(anna, "/cases/e-1", "claimed").headers["location"] == "/cases/e-1"
    assert "anna works on it" in anna.page("/cases/e-1")
    desk = world.browser(lead("dora", role="desk"))
    refused = act(desk, "/cases/e-1", "escalated")
    assert refused.status_code == 409
    assert "somebody else works on the case" in refused.text
    assert act(anna, "/cases/e-1", "released").status_code == 303
    assert "nobody works on it" in anna.page("/cases/e-1")


def test_the_loser_of_a_race_reads_who_won_and_nothing_follows_from_the_second_act(world, anna, ben):
    world.put_case()
    seen = ben.page("/cases/e-1")
    assert act(anna, "/cases/e-1", "decided", **DISMISSED).status_code == 303
    late = act(ben, "/cases/e-1", "decided", seen, **UPHELD)
    assert late.status_code == 409
    assert "somebody else was faster. anna did this: decided." in text_of(late.text)
    assert [outcome["decision"] for outcome in world.sent("moderation-outcomes")] == ["dismissed"]


def test_a_form_that_is_sent_twice_has_one_effect(world, anna):
    world.put_case()
    page = anna.page("/cases/e-1")
    for _ in range(2):
        assert act(anna, "/cases/e-1", "decided", page, **UPHELD).status_code == 303
    assert kinds(world) == ["decided"]
    assert len(world.sent("moderation-outcomes")) == 1


def test_one_act_closes_a_case_and_its_clocks(world, anna):
    clock = world.put_clock()
    (message,) = clock["message_refs"]
    world.put_case(channel_ref=clock["channel_ref"], message_refs=[message], category=clock["category"])
    page = anna.page("/cases/e-1")
    assert 'name="clock_c-1"' in page
    question = act(anna, "/cases/e-1", "decided", page, **UPHELD, **{"clock_c-1": "fulfilled"})
    assert anna.confirm(question).status_code == 303
    (outcome,) = world.sent("clock-outcomes")
    assert (outcome["clock_id"], outcome["outcome"], outcome["actor"]) == ("c-1", "fulfilled", "anna")
    assert world.writer.execute("SELECT status FROM clock").fetchall() == [("fulfilled",)]


@pytest.mark.parametrize("missing", ["decision", "reason_upheld", "rule"])
def test_a_decision_needs_reason_and_ground_and_what_was_typed_is_kept(world, anna, missing):
    world.put_case()
    fields = {name: value for name, value in UPHELD.items() if name != missing}
    answer = act(anna, "/cases/e-1", "decided", **fields)
    assert answer.status_code == 422
    assert "Choose" in text_of(answer.text)
    assert '<option value="removed" selected>' in answer.text
    assert kinds(world) == []


def test_a_decision_is_taken_back_by_one_that_supersedes_it(world, anna, ben):
    world.put_case()
    act(anna, "/cases/e-1", "decided", **UPHELD)
    page = ben.page("/cases/e-1")
    assert '<details class="fold"><summary>Take back' in page
    assert re.search(r'value="dismissed" required checked', page)
    assert '<option value="spam-1" selected>Spam and inauthentic accounts</option>' in page
    assert act(ben, "/cases/e-1", "decided", page, **DISMISSED).status_code == 303
    first, second = world.sent("moderation-outcomes")
    assert (first["decision"], second["decision"]) == ("upheld", "dismissed")
    assert second["supersedes"] == first["outcome_id"]


def test_two_people_decide_where_the_gate_asks_for_it_and_one_person_in_two_sessions_is_not_two(
    world, anna, ben
):
    world.put_case(**GUARDED)
    act(anna, "/cases/e-1", "decided", **UPHELD)
    assert kinds(world) == ["outcome_proposed"]
    assert world.sent("moderation-outcomes") == []
    seen_by_ben = ben.page("/cases/e-1")
    elsewhere = world.browser(lead("anna"))
    page = elsewhere.page("/cases/e-1")
    assert "Somebody else must sign it" in page
    forged = hidden_fields(page, "/cases/e-1/acts", "proposal_declined")
    forged |= {"kind": "proposal_signed", "act_id": "forged"}
    refused = elsewhere.post("/cases/e-1/acts", data=forged)
    assert refused.status_code == 409
    assert "a second person must sign" in refused.text
    assert act(ben, "/cases/e-1", "proposal_signed", seen_by_ben).status_code == 303
    (outcome,) = world.sent("moderation-outcomes")
    assert (outcome["confidence"], outcome["reviewer"]["ref"]) == ("two_agree", "ben")


@pytest.mark.parametrize(
    "later",
    [
        {"type": "resolved", "status": "resolved", "reason": "cleared"},
        {"type": "updated", "reason": "level_raised", "level": 3},
    ],
    ids=["resolved", "raised"],
)
def test_two_people_call_a_trusted_flaggers_notice_unfounded_also_after_it_left_the_window(
    world, anna, ben, later
):
    counts = world.put_case()["counts"]
    world.put_case(sequence=2, type="updated", reason="level_raised", counts=counts | {"trusted_flaggers": 1})
    world.put_case(sequence=3, counts=counts | {"trusted_flaggers": 0}, **later)
    unfounded = DISMISSED | {"decision": "manifestly_unfounded", "reason_manifestly_unfounded": "fabricated"}
    assert act(anna, "/cases/e-1", "decided", **unfounded).status_code == 303
    assert kinds(world) == ["outcome_proposed"]
    assert world.sent("moderation-outcomes") == []
    assert act(ben, "/cases/e-1", "proposal_signed").status_code == 303
    (outcome,) = world.sent("moderation-outcomes")
    assert (outcome["decision"], outcome["confidence"]) == ("manifestly_unfounded", "two_agree")


@pytest.mark.parametrize(
    ("changes", "decision", "why"),
    [
        (
            {"counts": {"trusted_flaggers": 1}},
            "manifestly_unfounded",
            "a trusted flagger's notice is among them",
        ),
        (GUARDED, "dismissed", "why"),
    ],
    ids=["trusted_flagger", "rule_of_law"],
)
def test_who_signs_a_proposal_reads_why_it_takes_two(world, anna, ben, changes, decision, why):
    counts = example("escalations", "opened-threshold-crossed")["counts"] | changes.get("counts", {})
    world.put_case(**changes | {"counts": counts})
    fields = DISMISSED | {"decision": decision, "reason_manifestly_unfounded": "fabricated"}
    act(anna, "/cases/e-1", "decided", **fields)
    assert f"Why two people {why} " in text_of(ben.page("/cases/e-1"))
    act(ben, "/cases/e-1", "proposal_signed")
    assert "Why two people" not in ben.page("/cases/e-1")


def test_the_address_of_a_form_leads_to_the_page_that_it_is_about(world, anna, ben):
    world.put_case()
    seen = ben.page("/cases/e-1")
    act(anna, "/cases/e-1", "claimed")
    assert act(ben, "/cases/e-1", "claimed", seen).status_code == 409
    for address, page in [
        ("/cases/e-1/acts", "/cases/e-1"),
        ("/requests/r-1/acts", "/requests/r-1"),
        ("/clocks/c-1/acts", "/clocks"),
        ("/bulk", "/desk"),
        ("/bulk/confirmed", "/desk"),
    ]:
        again = ben.get(address)
        assert (again.status_code, again.headers["location"]) == (303, page)
    assert ben.get("/cases//evil.example/acts").status_code == 404


def test_pages_call_a_request_a_request(world, anna):
    world.put_case()
    world.put_request()
    for path, word in (("/cases/e-1", "case"), ("/requests/r-1", "request")):
        page = anna.page(path)
        assert f'id="viewers" data-shows="{word}"' in page
        assert '<label>Note: <select name="note">' in page
    # The sentences about who looks at it too, and that it changed, are written by a script.
    script = anna.get("/static/case.js").text
    assert script.count("${shown()}") == 2
    assert "his case" not in script


def test_notes_and_snoozes(world, anna):
    world.put_case()
    act(anna, "/cases/e-1", "noted", note="translation_needed")
    act(anna, "/cases/e-1", "snoozed", snooze="4 h")
    assert kinds(world) == ["noted", "snoozed"]
    assert act(anna, "/cases/e-1", "snoozed", snooze="9 y").status_code == 422
    assert "e-1" not in anna.page("/desk")
    assert "e-1" in anna.page("/desk?listed=snoozed")


def test_escalated_cases_are_a_view_of_the_desk(world, anna):
    world.put_case("e-1")
    world.put_case("e-2")
    act(anna, "/cases/e-2", "escalated")
    page = anna.page("/desk?escalated=yes")
    assert "/cases/e-2" in page
    assert "/cases/e-1" not in page


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x", "/desk\r\nx: y"]
)
def test_a_form_leads_to_no_other_site(world, anna, place):
    world.put_case()
    assert act(anna, "/cases/e-1", "claimed", next=place).headers["location"] == "/cases/e-1"
    assert (
        act(anna, "/cases/e-1", "released", next="/desk?by=channel").headers["location"] == "/desk?by=channel"
    )


# Clocks.


def clock_act(browser, clock, outcome, page=None, **fields):
    page = page or browser.page("/clocks")
    return browser.submit(page, f"/clocks/{clock}/acts", outcome=outcome, **fields)


def end_clock(browser, clock, outcome, page=None):
    """Say that a clock ended, and confirm it."""
    return browser.confirm(clock_act(browser, clock, outcome, page))


def test_a_clock_is_ended_once_somebody_says_what_became_of_it(world, anna):
    world.put_clock("c-2")
    assert end_clock(anna, "c-2", "fulfilled").headers["location"] == "/clocks"
    assert "/clocks/c-2/acts" not in anna.page("/clocks")


def example_clock(name, duty):
    return example("escalations", "opened-clock-armed")["clock"] | {"clock_id": name, "obligation": duty}


def test_only_the_reasons_that_the_law_allows_are_offered_and_taken(world, anna):
    duty = next(duty for duty in DUTIES.values() if duty.pausable_for)
    world.put_clock(clock=example_clock("c-1", duty.id))
    page = anna.page("/clocks")
    offered = re.findall(r'<select name="reason">(.*?)</select>', page)
    assert re.findall(r'value="(\w+)"', offered[0]) == list(duty.pausable_for)
    assert clock_act(anna, "c-1", "paused", reason="boredom").status_code == 422
    assert clock_act(anna, "c-1", "paused", reason=duty.pausable_for[0]).status_code == 303
    assert ">Resume<" in anna.page("/clocks")
    assert clock_act(anna, "c-1", "resumed").status_code == 303
    assert [outcome["outcome"] for outcome in world.sent("clock-outcomes")] == ["paused", "resumed"]


def test_the_same_form_of_a_clock_has_one_effect_and_the_loser_is_told_what_the_clock_is(world, anna, ben):
    world.put_clock()
    mine, theirs = anna.page("/clocks"), ben.page("/clocks")
    question = clock_act(anna, "c-1", "withdrawn", mine)
    for _ in range(2):
        assert anna.confirm(question).status_code == 303
    late = clock_act(ben, "c-1", "fulfilled", theirs)
    assert late.status_code == 409
    assert "is withdrawn, said anna" in text_of(late.text)
    assert [outcome["outcome"] for outcome in world.sent("clock-outcomes")] == ["withdrawn"]


def test_an_outcome_that_no_worker_applies_yet_is_said_to_wait(world, anna, monkeypatch):
    monkeypatch.setattr("streams.desk.console.publisher._APPLIED_SECONDS", 0)
    world.put_clock()
    world.works = False
    answer = end_clock(anna, "c-1", "fulfilled")
    assert answer.status_code == 202
    assert "No worker has applied it yet" in text_of(answer.text)


def test_a_clock_of_a_case_for_two_people_is_ended_on_its_case_alone(world, anna):
    world.put_clock(**GUARDED)
    page = anna.page("/clocks")
    assert "two people decide" in page
    assert ">Fulfilled<" not in page
    assert clock_act(anna, "c-1", "fulfilled", page).status_code == 422
    assert world.sent("clock-outcomes") == []


# Requests of authorities.

# What becomes of the clocks of a removal order.
CLOCKS = {"clock_r-1-0": "ends", "clock_r-1-1": "runs_on"}


def answer(browser, request, said, page=None, **fields):
    return act(browser, f"/requests/{request}", "decided", page, answer=said, **fields)


def test_a_request_is_answered_with_its_clocks_by_one_person(world, anna):
    world.put_request()
    page = anna.page("/requests/r-1")
    ends = {f"clock_{name}": "ends" for name in re.findall(r'name="clock_(r-1-\d)"', page)}
    assert ends
    runs_on = ends.popitem()[0]
    question = answer(anna, "r-1", "followed", page, **ends, **{runs_on: "runs_on"})
    assert anna.confirm(question).status_code == 303
    (activity,) = world.sent("case-activity")
    assert (activity["kind"], activity["request_id"], activity["proposed_answer"]["answer"]) == (
        "decided",
        "r-1",
        "followed",
    )
    said = world.sent("clock-outcomes")
    assert {f"clock_{each['clock_id']}" for each in said} == set(ends)
    assert {(each["subject"], each["key"], each["outcome"]) for each in said} == {
        ("request", "r-1", "fulfilled")
    }
    assert runs_on not in {f"clock_{each['clock_id']}" for each in said}
    assert world.sent("moderation-outcomes") == []
    assert "By anna" in text_of(anna.page("/requests/r-1"))


def test_a_request_behind_a_gate_of_two_waits_for_a_second_person(world, anna, ben):
    world.put_request(gate="judicial_order")
    page = anna.page("/requests/r-1")
    ends = {f"clock_{name}": "ends" for name in re.findall(r'name="clock_(r-1-\d)"', page)}
    answer(anna, "r-1", "followed", page, **ends)
    assert kinds(world) == ["outcome_proposed"]
    assert world.sent("clock-outcomes") == []
    elsewhere = world.browser(lead("anna"))
    forged = hidden_fields(elsewhere.page("/requests/r-1"), "/requests/r-1/acts", "proposal_declined")
    refused = elsewhere.post(
        "/requests/r-1/acts", data=forged | {"kind": "proposal_signed", "act_id": "forged"}
    )
    assert refused.status_code == 409
    assert "waits for a second person" in ben.page("/requests")
    assert act(ben, "/requests/r-1", "proposal_signed").status_code == 303
    said = world.sent("clock-outcomes")
    assert len(said) == len(ends)
    assert {each["actor"] for each in said} == {"ben"}
    assert "By anna and ben" in text_of(ben.page("/requests/r-1"))


def test_that_an_authority_withdrew_its_request_needs_one_person(world, anna):
    world.put_request(gate="human_rights_review")
    anna.confirm(answer(anna, "r-1", "withdrawn", **CLOCKS))
    assert kinds(world) == ["decided"]
    assert [each["outcome"] for each in world.sent("clock-outcomes")] == ["withdrawn"]


def test_a_clock_of_a_request_for_two_people_is_ended_on_its_page_alone(world, anna):
    world.put_request(gate="two_person_review")
    assert clock_act(anna, "r-1-0", "fulfilled").status_code == 422
    assert world.sent("clock-outcomes") == []


def test_desks_note_what_they_know_of_a_request_and_do_not_answer_it(world):
    world.put_request()
    desk = world.browser(lead("dora", role="desk"))
    page = desk.page("/requests/r-1")
    assert 'id="decide"' not in page
    assert act(desk, "/requests/r-1", "noted", page, note="context_checked").status_code == 303
    forged = hidden_fields(page, "/requests/r-1/acts", "noted") | {"kind": "decided", "answer": "followed"}
    assert desk.post("/requests/r-1/acts", data=forged).status_code == 403
    assert desk.post("/clocks/r-1-0/acts", data=forged | {"outcome": "fulfilled"}).status_code == 403


def test_an_escalation_and_a_request_of_the_same_id_are_two_cases(world, anna):
    world.put_case("same")
    world.put_request("same")
    act(anna, "/cases/same", "claimed")
    assert "nobody works on it" in anna.page("/requests/same")
    assert act(anna, "/requests/same", "claimed").status_code == 303
    assert act(anna, "/requests/same", "released").status_code == 303
    assert "anna works on it" in anna.page("/cases/same")


def test_an_answer_whose_outcomes_were_lost_is_repaired_once(world, anna, monkeypatch):
    monkeypatch.setattr("streams.desk.console.missing_outcomes._OWN_CONSOLE_MS", -1_000)
    world.put_request(received_at="2026-11-24T12:00:00.000Z")
    anna.confirm(answer(anna, "r-1", "followed", **CLOCKS))
    world.writer.execute("DELETE FROM clock_outcome")
    publisher = Publisher(world, "", world.database, world.progress, Numbers(CONSOLE_ACTS))
    assert asyncio.run(publisher.repair(asyncio.run(publisher.missing()))) == 1
    assert asyncio.run(publisher.repair(asyncio.run(publisher.missing()))) == 0
    first, second = world.sent("clock-outcomes")
    assert first["outcome_id"] == second["outcome_id"]


# Many cases at once.


def choose(browser, what, *cases):
    """Choose the cases of these escalations, as the desk shows them now."""
    page = browser.page("/desk")
    shown = re.findall(r'data-version="([^"]+)"', page)
    chosen = [next((each for each in shown if case in each.split()), f"no-case {case}") for case in cases]
    return browser.post("/bulk", data=hidden_fields(page, "/bulk") | {"what": what, "case": chosen})


def confirm(browser, page, count, **fields):
    cases = re.findall(r'name="case" value="([^"]+)"', page)
    data = hidden_fields(page, "/bulk/confirmed") | {"case": cases, "count": str(count), **fields}
    return browser.post("/bulk/confirmed", data=data)


def test_a_flood_is_dismissed_with_the_number_typed_and_each_case_has_an_act_of_its_own(world, anna, ben):
    for number in range(5):
        world.put_case(f"e-{number}")
    page = choose(anna, "dismissed", *(f"e-{number}@0" for number in range(5)))
    assert page.status_code == 200
    fields = {"reason": "not_a_violation", "rule": "spam-1"}
    wrong = confirm(anna, page.text, 4, **fields)
    assert wrong.status_code == 422
    assert "Type 5" in text_of(wrong.text)
    assert kinds(world) == []
    # Somebody is faster with one of them.
    act(ben, "/cases/e-3", "claimed")
    done = confirm(anna, wrong.text, 5, **fields)
    words = text_of(done.text)
    assert "4 of 5 cases dismissed" in words
    assert "This did not count: somebody else was faster. ben did this: claimed." in words
    refused = done.text.partition("Did not count: 1")[2].partition("</section>")[0]
    assert re.findall(r'href="/cases/([^"]+)"', refused) == ["e-3"]
    decided = {
        each["escalation_id"]: each["activity_id"]
        for each in world.sent("case-activity")
        if each["kind"] == "decided"
    }
    assert len(set(decided.values())) == 5
    assert len(world.sent("moderation-outcomes")) == 4
    # The same form again has no further effect.
    confirm(anna, wrong.text, 5, **fields)
    assert len(world.sent("moderation-outcomes")) == 4


def test_cases_whose_gate_needs_two_people_are_left_out_of_every_bulk_act(world, anna):
    world.put_case("e-1")
    world.put_case("e-2", **GUARDED)
    assert 'value="e-2@0"' not in anna.page("/desk")
    for what in ("claimed", "released", "snoozed", "dismissed"):
        page = choose(anna, what, "e-1@0", "e-2@0", "e-3@0").text
        assert "Left out: 2" in page
        assert 'value="e-2@0"' not in page


def test_a_clock_of_two_chosen_cases_ends_once(world, anna):
    clock = world.put_clock()
    # One of them counts another message, too.
    for name, more in (("e-1", []), ("e-2", ["another"])):
        world.put_case(name, channel_ref=clock["channel_ref"], message_refs=[*clock["message_refs"], *more])
    page = choose(anna, "dismissed", "e-1@0", "e-2@0").text
    confirm(anna, page, 2, reason="not_a_violation", rule="spam-1", clocks="fulfilled")
    assert len(world.sent("clock-outcomes")) == 1
    assert len(world.sent("moderation-outcomes")) == 2


@pytest.mark.parametrize(
    ("what", "fields"), [("claimed", {}), ("released", {}), ("snoozed", {"snooze": "1 d"})]
)
def test_many_cases_are_claimed_released_and_snoozed(world, anna, what, fields):
    for number in range(3):
        world.put_case(f"e-{number}")
    page = choose(anna, what, *(f"e-{number}@0" for number in range(3))).text
    assert f"3 of 3 cases {what}" in text_of(confirm(anna, page, 3, **fields).text)
    assert kinds(world) == [what] * 3


def test_bulk_acts_are_bounded_and_not_for_everybody(world, anna):
    world.put_case("e-1")
    assert choose(anna, "dismissed").status_code == 400
    assert choose(anna, "dismissed", *(f"e-{number}@0" for number in range(501))).status_code == 400
    assert choose(anna, "upheld", "e-1@0").status_code == 403
    assert choose(anna, "claimed", "e-1").status_code == 400
    reader = world.browser(lead("rita", role="read_only"))
    page = reader.page("/desk")
    assert 'id="bulk"' not in page
    forged = {"what": "claimed", "case": "e-1@0", "token": reader.token}
    assert reader.post("/bulk", data=forged).status_code == 403
    liaison = world.browser(lead("lee", role="authority_liaison"))
    assert "Left out: 1" in choose(liaison, "dismissed", "e-1@0").text
