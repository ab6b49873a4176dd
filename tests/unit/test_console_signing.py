"""The person who signs reads all that is signed, and nothing ends a legal clock unasked."""

import re

import pytest

from streams.desk.text.duty_words import duty_title
from tests.unit.console_pages import DUTIES, World, example, lead, text_of
from tests.unit.test_console_acts import (
    CLOCKS,
    DISMISSED,
    GUARDED,
    UPHELD,
    act,
    answer,
    choose,
    clock_act,
    confirm,
    end_clock,
    kinds,
)
from tests.unit.test_console_desk import rows

REMOVAL = "US.take-it-down.s3"
TITLE = duty_title(DUTIES[REMOVAL])
NAMED = f"{TITLE}, due 2026-09-23 14:15 UTC"


def legal(world, ref):
    return world.browser(lead(ref, role="legal"))


def section(page, heading):
    """The words of a section of a page."""
    found = re.search(rf'<h2 id="{heading}">.*?</section>', page, re.S)
    return text_of(f"<main{found[0]}") if found else ""


def put_case_with_clocks(world, **changes):
    """A case that names the message of two clocks."""
    clock = world.put_clock("c-1")
    world.put_clock("c-2")
    world.put_case(
        channel_ref=clock["channel_ref"],
        message_refs=clock["message_refs"],
        category=clock["category"],
        **changes,
    )
    return clock


# All of a proposal.


def test_who_signs_reads_the_whole_proposal_and_so_do_decision_and_timeline(world, anna, ben):
    clock = put_case_with_clocks(world, **GUARDED)
    act(anna, "/cases/e-1", "noted", note="translation_needed")
    law = {"duty": REMOVAL, "country": "US", "rule": ""}
    chosen = {"account": "terminated", "clock_c-1": "fulfilled", "clock_c-2": "runs_on"}
    assert act(anna, "/cases/e-1", "decided", **UPHELD | law | chosen).status_code == 303
    page = ben.page("/cases/e-1")
    said = (
        "Decision upheld",
        "Category Fraud, reported as Intimate image",
        "Reason phishing",
        f"Judged by {TITLE}, in the United States",
        "Content removed",
        "Account terminated",
    )
    whole = (
        *said,
        f"fulfilled : {NAMED}",
        f"runs on : {NAMED}",
        "Notices",
        "Noted: translation needed (anna)",
    )
    for part in whole:
        assert part in section(page, "proposal")
    at_the_time = section(page, "timeline").lower()
    for part in (*said, f"{NAMED} : fulfilled"):
        assert part.lower() in at_the_time
    act(ben, "/cases/e-1", "proposal_signed", page)
    decided = section(anna.page("/cases/e-1"), "decision")
    for part in (*said, f"fulfilled : {NAMED}", "By anna and ben"):
        assert part in decided


def test_terms_and_what_is_not_done_are_said_too(world, anna, ben):
    world.put_case(**GUARDED)
    act(anna, "/cases/e-1", "decided", **DISMISSED)
    said = section(ben.page("/cases/e-1"), "proposal")
    for part in (
        "rule spam-1 of the terms: Spam and inauthentic accounts",
        "Content nothing is done",
        "Account nothing is done",
        "Clocks none",
    ):
        assert part in said


def test_who_may_not_see_a_clock_still_reads_that_it_ends(world, anna):
    clock = world.put_clock("c-1")
    world.put_clock("c-2")
    world.put_case(
        "e-2",
        channel_ref=clock["channel_ref"],
        message_refs=clock["message_refs"],
        category="fraud",
        **GUARDED,
    )
    ends = {"clock_c-1": "withdrawn", "clock_c-2": "runs_on"}
    assert act(anna, "/cases/e-2", "decided", **DISMISSED, **ends).status_code == 303
    other = world.browser(lead("cleo", categories=frozenset({"fraud"})))
    said = section(other.page("/cases/e-2"), "proposal")
    assert "withdrawn : clock c-1, which is not yours to see" in said


def test_sign_is_the_first_button_of_the_page_with_a_key_and_deciding_otherwise_is_folded(world, anna, ben):
    world.put_case(**GUARDED)
    act(anna, "/cases/e-1", "decided", **DISMISSED)
    page = ben.page("/cases/e-1").partition("<main")[2]
    first, second = re.findall(r"<button[^>]*>[^<]*", page)[:2]
    assert first == '<button class="first" aria-keyshortcuts="y">Sign '
    assert second == "<button>Decline"
    folded = page.partition('<details class="fold"><summary>Decide otherwise')[2].partition("</details>")[0]
    assert 'id="decide"' in folded
    assert page.count('id="decide"') == 1
    assert "sign; confirm what ends a clock" in page


def test_who_reads_a_request_to_sign_sees_the_answer_and_its_clocks(world, anna, ben):
    world.put_request(gate="judicial_order")
    answer(anna, "r-1", "followed_in_part", **CLOCKS)
    said = section(ben.page("/requests/r-1"), "proposal")
    assert "Answer followed in part" in said
    clocks = example("authority-routing", "removal-order")["clocks"]
    for clock, becomes in zip(clocks, ("fulfilled", "runs on"), strict=True):
        name = f"{duty_title(DUTIES[clock['obligation']])}, due"
        assert f"{becomes} : {name}" in said
    act(ben, "/requests/r-1", "proposal_signed")
    page = ben.page("/requests/r-1")
    assert "Answer followed in part" in section(page, "answer")
    assert "answer followed in part" in section(page, "timeline")


# What code refuses.


@pytest.mark.parametrize("following", ["followed", "followed_in_part"])
def test_a_refused_request_is_not_followed_by_a_lead_even_with_a_forged_form(world, anna, following):
    world.put_request(of="encryption-keys")
    page = anna.page("/requests/r-1")
    assert re.findall(r'name="answer" value="(\w+)"', page) == ["refused", "withdrawn"]
    forged = answer(anna, "r-1", following, page, set_aside="r-1")
    assert forged.status_code == 403
    assert "only the role legal may follow it" in text_of(forged.text)
    assert kinds(world) == []
    assert answer(anna, "r-1", "refused", page).status_code == 303


def test_legal_follows_a_refused_request_with_its_id_typed_beside_the_norms(world, anna):
    world.put_request(of="encryption-keys")
    lena, luis = legal(world, "lena"), legal(world, "luis")
    page = lena.page("/requests/r-1")
    fieldset = re.search(r'<fieldset class="aside">.*?</fieldset>', page, re.S)[0]
    (refusal,) = example("authority-routing", "encryption-keys")["findings"]["refusals"]
    for norm in refusal["norms"]:
        assert norm["url"] in fieldset
    assert "Another person with the role legal must sign." in fieldset
    wrong = answer(lena, "r-1", "followed", page, set_aside="r-2")
    assert wrong.status_code == 422
    assert "Type r-1, the id of the request" in text_of(wrong.text)
    # What was chosen and typed stays.
    assert 'value="followed" required checked' in wrong.text
    assert 'name="set_aside" autocomplete="off" value="r-2"' in wrong.text
    assert kinds(world) == []
    assert answer(lena, "r-1", "followed", page, set_aside="r-1").status_code == 303
    assert kinds(world) == ["outcome_proposed"]
    # A lead cannot sign it, and legal reads the norms and types the id as well.
    seen_by_lead = anna.page("/requests/r-1")
    assert ">Sign" not in seen_by_lead
    fields = {"kind": "proposal_signed", "act_id": "forged", "version": "1", "token": anna.token}
    assert anna.post("/requests/r-1/acts", data=fields | {"set_aside": "r-1"}).status_code == 403
    seen = luis.page("/requests/r-1")
    for norm in refusal["norms"]:
        assert norm["title"] in section(seen, "proposal")
    assert act(luis, "/requests/r-1", "proposal_signed", seen).status_code == 422
    assert act(luis, "/requests/r-1", "proposal_signed", seen, set_aside="r-1").status_code == 303
    assert kinds(world) == ["outcome_proposed", "proposal_signed"]
    assert (
        "It was followed although it is refused, whichever authority makes it. "
        "Signed by two people with the role legal." in section(lena.page("/requests/r-1"), "answer")
    )


def test_an_answer_that_keeps_to_the_refusal_says_nothing_of_it(world, anna):
    world.put_request(of="encryption-keys", gate="human_review")
    answer(anna, "r-1", "refused")
    assert "although" not in section(anna.page("/requests/r-1"), "answer")


def test_a_request_that_is_not_refused_is_followed_as_before(world, anna):
    world.put_request()
    page = anna.page("/requests/r-1")
    assert re.findall(r'name="answer" value="(\w+)"', page)[:2] == ["followed", "followed_in_part"]
    assert "set_aside" not in page


# Clocks.


def test_no_clock_is_preset_and_each_open_one_needs_a_choice(world, anna):
    put_case_with_clocks(world)
    world.put_request()
    for path, name in (("/cases/e-1", "clock_c-1"), ("/requests/r-1", "clock_r-1-0")):
        choices = re.search(rf'<select name="{name}" required>(.*?)</select>', anna.page(path))[1]
        assert choices.startswith('<option value="">choose</option>')
        assert "selected" not in choices
    for fields in ({}, {"clock_c-1": "fulfilled"}, {"clock_c-1": "fulfilled", "clock_c-2": ""}):
        refused = act(anna, "/cases/e-1", "decided", **DISMISSED, **fields)
        assert refused.status_code == 422
        assert f"Choose what becomes of the clock {TITLE}" in text_of(refused.text)
    assert answer(anna, "r-1", "followed").status_code == 422
    assert answer(anna, "r-1", "followed", **CLOCKS | {"clock_r-1-0": "perhaps"}).status_code == 422
    assert kinds(world) == []


def test_a_decision_that_ends_clocks_asks_once_and_the_next_page_says_what_ended(world, anna):
    put_case_with_clocks(world)
    fields = DISMISSED | {"clock_c-1": "withdrawn", "clock_c-2": "runs_on"}
    question = act(anna, "/cases/e-1", "decided", **fields, next="/desk?by=channel")
    words = text_of(question.text)
    assert "Decide: dismissed?" in words
    assert f"This ends 1 legal clock for good withdrawn : {NAMED}" in words
    assert "runs on" not in words
    assert kinds(world) == []
    # What was confirmed is not what is sent.
    forged = anna.confirm(question, ends="c-1=fulfilled")
    assert "for good" in forged.text
    assert kinds(world) == []
    changed = anna.confirm(question, change="yes")
    assert '<option value="withdrawn" selected>' in changed.text
    assert anna.confirm(question).headers["location"] == "/desk?by=channel"
    said = f"Done: dismissed. Ended: {NAMED} : withdrawn."
    assert said in text_of(anna.page("/desk?by=channel"))
    assert said not in text_of(anna.page("/desk?by=channel"))
    assert [each["clock_id"] for each in world.sent("clock-outcomes")] == ["c-1"]


@pytest.mark.parametrize(
    ("visibility", "stays"), [("removed", False), ("disabled", False), ("labelled", True), ("", True)]
)
def test_a_removal_duty_that_is_fulfilled_while_the_content_stays_is_pointed_out(
    world, anna, visibility, stays
):
    put_case_with_clocks(world)
    ends = {"clock_c-1": "fulfilled", "clock_c-2": "runs_on"}
    question = act(anna, "/cases/e-1", "decided", **UPHELD | {"visibility": visibility} | ends)
    remark = '<div class="remark">fulfilled, although the content stays</div>'
    assert (remark in question.text) == stays


def test_a_decision_that_ends_no_clock_asks_nothing(world, anna):
    put_case_with_clocks(world)
    runs_on = {"clock_c-1": "runs_on", "clock_c-2": "runs_on"}
    assert act(anna, "/cases/e-1", "decided", **DISMISSED, **runs_on).status_code == 303
    assert world.sent("clock-outcomes") == []


def test_a_signature_says_what_ended(world, anna, ben):
    put_case_with_clocks(world, **GUARDED)
    act(anna, "/cases/e-1", "decided", **DISMISSED, **{"clock_c-1": "fulfilled", "clock_c-2": "runs_on"})
    assert "Proposed: a second person must sign." in text_of(anna.page("/cases/e-1"))
    act(ben, "/cases/e-1", "proposal_signed")
    assert f"Signed: dismissed. Ended: {NAMED} : fulfilled, although nothing was removed." in text_of(
        ben.page("/cases/e-1")
    )


@pytest.mark.parametrize("outcome", ["fulfilled", "withdrawn"])
def test_the_button_of_a_clock_asks_once_and_the_list_says_what_ended(world, anna, outcome):
    clock = world.put_clock("c-1")
    question = clock_act(anna, "c-1", outcome)
    named = f"{NAMED} , of channel {clock['channel_ref']}"
    assert f"{outcome} : {named}" in text_of(question.text)
    assert world.sent("clock-outcomes") == []
    assert anna.confirm(question, change="yes").headers["location"] == "/clocks"
    assert world.sent("clock-outcomes") == []
    end_clock(anna, "c-1", outcome)
    assert f"Done. Ended: {named}: {outcome}." in text_of(anna.page("/clocks"))
    assert [each["outcome"] for each in world.sent("clock-outcomes")] == [outcome]


def test_many_dismissals_choose_what_becomes_of_clocks_that_are_named(world, anna):
    clock = put_case_with_clocks(world)
    question = choose(anna, "dismissed", "e-1@0")
    assert text_of(question.text).count(NAMED) == 2
    assert re.search(
        r'With the dismissal each of their 2 clocks <select name="clocks" required><option value="">choose</option>',
        question.text,
    )
    # The number is the question: it is asked after the clocks, and says that it ends them.
    asked = text_of(question.text)
    assert (
        asked.rindex(NAMED) < asked.index("The number confirms this too") < asked.index("Type 1 to confirm")
    )
    fields = {"reason": "not_a_violation", "rule": "spam-1"}
    refused = confirm(anna, question.text, 1, **fields)
    assert refused.status_code == 422
    assert "Choose what becomes of their clocks" in text_of(refused.text)
    assert kinds(world) == []
    done = confirm(anna, question.text, 1, **fields, clocks="withdrawn")
    assert "Clocks that ended: 2" in text_of(done.text)
    of_channel = f", of channel {clock['channel_ref']}"
    assert text_of(done.text).count(f"withdrawn : {NAMED} {of_channel}") == 2
    name = f"Intimate image, level 1 , channel {clock['channel_ref']}"
    assert f"Counted: 1 {name}" in text_of(done.text)


@pytest.mark.parametrize(
    "judged", [DISMISSED, {"decision": "manifestly_unfounded", "reason_manifestly_unfounded": "fabricated"}]
)
def test_a_removal_that_is_fulfilled_by_a_decision_that_removes_nothing_is_pointed_out(world, anna, judged):
    put_case_with_clocks(world)
    ends = {"clock_c-1": "fulfilled", "clock_c-2": "withdrawn"}
    question = act(anna, "/cases/e-1", "decided", **DISMISSED | judged | ends)
    assert question.text.count('<div class="remark">fulfilled, although nothing was removed</div>') == 1


def test_many_dismissals_that_fulfil_a_removal_are_pointed_out(world, anna):
    put_case_with_clocks(world)
    question = choose(anna, "dismissed", "e-1@0")
    done = confirm(anna, question.text, 1, reason="not_a_violation", rule="spam-1", clocks="fulfilled")
    assert done.text.count('<div class="remark">fulfilled, although nothing was removed</div>') == 2


# What is signed, and what happens beside it.

WITHDRAWN = {"clock_c-1": "withdrawn", "clock_c-2": "runs_on"}
ELSEWISE = f"already fulfilled (by lena), nothing changes : {NAMED}"


def test_who_signs_is_told_no_end_that_did_not_happen(world, anna, ben):
    put_case_with_clocks(world, **GUARDED)
    act(anna, "/cases/e-1", "decided", **DISMISSED, **WITHDRAWN)
    end_clock(legal(world, "lena"), "c-1", "fulfilled")
    page = ben.page("/cases/e-1")
    assert ELSEWISE in section(page, "proposal")
    assert act(ben, "/cases/e-1", "proposal_signed", page).status_code == 303
    page = ben.page("/cases/e-1")
    assert "Signed: dismissed." in text_of(page)
    assert "Ended:" not in text_of(page)
    assert ELSEWISE in section(page, "decision")
    assert [each["outcome"] for each in world.sent("clock-outcomes")] == ["fulfilled"]


def test_nobody_signs_an_end_that_stopped_fitting_after_the_page_was_opened(world, anna, ben):
    put_case_with_clocks(world, **GUARDED)
    act(anna, "/cases/e-1", "decided", **DISMISSED, **WITHDRAWN)
    seen = ben.page("/cases/e-1")
    end_clock(legal(world, "lena"), "c-1", "fulfilled")
    late = act(ben, "/cases/e-1", "proposal_signed", seen)
    assert late.status_code == 409
    assert "A clock started or ended since you opened the page" in text_of(late.text)
    assert ELSEWISE in section(late.text, "proposal")
    assert kinds(world) == ["outcome_proposed"]
    # What is shown now is signed by the next press.
    assert act(ben, "/cases/e-1", "proposal_signed", late.text).status_code == 303


def test_a_clock_that_starts_after_the_page_was_opened_is_not_signed_unseen(world, anna, ben):
    put_case_with_clocks(world, **GUARDED)
    act(anna, "/cases/e-1", "decided", **DISMISSED, **WITHDRAWN)
    seen = ben.page("/cases/e-1")
    world.put_clock("c-3")
    late = act(ben, "/cases/e-1", "proposal_signed", seen)
    assert late.status_code == 409
    assert section(late.text, "proposal").count(f"runs on : {NAMED}") == 2
    assert kinds(world) == ["outcome_proposed"]


def test_a_signature_that_is_sent_twice_has_one_effect_also_if_it_ended_clocks(world, anna, ben):
    put_case_with_clocks(world, **GUARDED)
    act(anna, "/cases/e-1", "decided", **DISMISSED, **WITHDRAWN)
    page = ben.page("/cases/e-1")
    for _ in range(2):
        assert act(ben, "/cases/e-1", "proposal_signed", page).status_code == 303
    assert kinds(world) == ["outcome_proposed", "proposal_signed"]


def test_a_request_is_not_signed_with_a_clock_that_ended_meanwhile(world, anna, ben):
    world.put_request(gate="judicial_order")
    answer(anna, "r-1", "followed_in_part", **CLOCKS)
    page = ben.page("/requests/r-1")
    assert act(ben, "/requests/r-1", "proposal_signed", page, open_clocks="r-1-1").status_code == 409
    assert act(ben, "/requests/r-1", "proposal_signed", page).status_code == 303


def put_clock(world, name, **changes):
    """The first event of a clock, whose view has these changes."""
    view = example("escalations", "opened-clock-armed")["clock"] | {"clock_id": name, **changes}
    return world.put_clock(name, clock=view)


LONG_AGO = {"started_at": "2020-01-01T00:00:00.000Z"}
LATER = "2096-01-01T00:00:00.000Z"


def test_what_was_decided_stays_as_it_was_when_clocks_start_or_end_later(world, anna):
    running = put_clock(world, "c-1", **LONG_AGO)
    before = put_clock(world, "c-2", **LONG_AGO)
    world.put_case(
        channel_ref=before["channel_ref"], message_refs=before["message_refs"], category=before["category"]
    )
    end_clock(legal(world, "lena"), "c-2", "fulfilled")
    assert act(anna, "/cases/e-1", "decided", **DISMISSED, **{"clock_c-1": "runs_on"}).status_code == 303
    put_clock(world, "c-3", started_at=LATER)

    def clocks():
        return section(anna.page("/cases/e-1"), "decision").partition("Clocks ")[2].partition(" Notices")[0]

    assert clocks() == f"ran on then : {NAMED}"
    ended = {
        "sequence": 2,
        "at": LATER,
        "type": "resolved",
        "status": "resolved",
        "reason": "clock_withdrawn",
    }
    world.put("escalations", running | ended | {"clock": running["clock"] | {"status": "withdrawn"}})
    assert clocks() == f"ran on then : {NAMED}"


def test_head_and_row_of_a_decided_case_say_which_clock_runs_on(world, anna):
    put_case_with_clocks(world)
    act(anna, "/cases/e-1", "decided", **DISMISSED, **{"clock_c-1": "runs_on", "clock_c-2": "runs_on"})
    head = text_of(anna.page("/cases/e-1"))
    assert "decided · time left:" in head
    assert "(remove)" in head
    assert "no clock runs" not in head
    assert TITLE in rows(anna.page("/desk?listed=decided"))["e-1"]
    for clock in ("c-1", "c-2"):
        end_clock(anna, clock, "withdrawn")
    assert "decided · no clock runs" in text_of(anna.page("/cases/e-1"))
    assert "no clock" in rows(anna.page("/desk?listed=decided"))["e-1"]


def test_the_row_of_a_decided_case_has_a_clock_that_starts_later(world, anna):
    started = example("escalations", "opened-clock-armed")
    world.put_case(channel_ref=started["channel_ref"], message_refs=started["message_refs"])
    act(anna, "/cases/e-1", "decided", **DISMISSED)
    assert "no clock" in rows(anna.page("/desk?listed=decided"))["e-1"]
    world.put_clock("c-1")
    assert TITLE in rows(anna.page("/desk?listed=decided"))["e-1"]
    assert "e-1" in rows(anna.page("/desk?listed=decided&clock=overdue"))


def test_who_takes_back_their_own_proposal_did_not_decline_it(world, anna, ben):
    world.put_case(**GUARDED)
    act(anna, "/cases/e-1", "decided", **DISMISSED)
    seen = ben.page("/cases/e-1")
    act(anna, "/cases/e-1", "proposal_declined")
    late = act(ben, "/cases/e-1", "proposal_signed", seen)
    assert "anna did this: proposal taken back." in text_of(late.text)
    act(anna, "/cases/e-1", "decided", **DISMISSED)
    act(ben, "/cases/e-1", "proposal_declined")
    said = section(ben.page("/cases/e-1"), "timeline")
    assert "proposal taken back by anna" in said
    assert "proposal declined by ben" in said


def test_a_timeline_says_that_no_clock_ends(world, anna):
    put_case_with_clocks(world)
    act(anna, "/cases/e-1", "decided", **DISMISSED, **{"clock_c-1": "runs_on", "clock_c-2": "runs_on"})
    assert "; no clock ends" in section(anna.page("/cases/e-1"), "timeline")


# Races and times.


def test_the_loser_of_a_race_keeps_the_draft_folded_behind_take_back(world, anna, ben):
    world.put_case()
    seen = ben.page("/cases/e-1")
    act(anna, "/cases/e-1", "decided", **DISMISSED)
    late = act(ben, "/cases/e-1", "decided", seen, **UPHELD)
    assert late.status_code == 409
    folded = re.search(
        r'<details class="fold" data-draft><summary>Take back(.*?)</details>', late.text, re.S
    )[1]
    assert "your draft is kept, and was not sent" in folded
    assert re.search(r'value="upheld" required checked', folded)
    assert late.text.count('id="decide"') == 1
    # A form that was not complete is no lost race: it stays in sight.
    wrong = act(ben, "/cases/e-1", "decided", **UPHELD | {"rule": ""})
    assert wrong.status_code == 422
    assert '<details class="fold" open data-draft><summary>Take back' in wrong.text


def test_the_loser_of_an_answer_keeps_it_folded(world, anna, ben):
    world.put_request(of="encryption-keys", gate="human_review")
    seen = ben.page("/requests/r-1")
    answer(anna, "r-1", "refused")
    late = answer(ben, "r-1", "withdrawn", seen)
    assert late.status_code == 409
    folded = re.search(
        r'<details class="fold" data-draft><summary>Answer anew(.*?)</details>', late.text, re.S
    )[1]
    assert re.search(r'value="withdrawn" required checked', folded)


TIMES = r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z| UTC)"


def test_every_time_of_a_page_is_one_that_the_readers_zone_reaches(world, anna):
    put_case_with_clocks(world)
    world.put_request()
    act(anna, "/cases/e-1", "decided", **DISMISSED, **{"clock_c-1": "runs_on", "clock_c-2": "runs_on"})
    for path in ("/cases/e-1", "/cases/c-1", "/requests/r-1", "/clocks", "/desk?listed=all", "/policies"):
        page = anna.page(path).partition("<main")[2]
        reached = re.sub(r"<(time|tspan)\b[^>]*(?:datetime|data-moment)=[^>]*>.*?</\1>", "", page)
        assert reached != page or path == "/policies"
        assert re.findall(TIMES, reached) == [], path
        # Without a script they are in UTC, and say so.
        for words in re.findall(r"<(?:time|tspan)\b(?![^>]*data-(?:left|ago))[^>]*>(.*?)</", page):
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC", words), (path, words)
