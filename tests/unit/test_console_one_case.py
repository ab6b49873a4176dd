"""A victim's report makes a policy and clocks wait: one case on the desk, decided once."""

import html
import re

import pytest

from streams.desk.console.read_model import case_query, members
from tests.categories import CATEGORIES
from tests.unit.console_pages import World, example, lead, text_of
from tests.unit.test_console_acts import DISMISSED, GUARDED, UPHELD, act, choose, confirm, end_clock, kinds
from tests.unit.test_console_desk import rows
from tests.unit.test_console_signing import section
from tests.unit.test_console_undo import put_clock, send_now, undo

CLOCKS = ("c-1", "c-2", "c-3", "c-4")
MESSAGE = {"channel_ref": "channel-of-it", "message_refs": ["message-of-it"]}
FULFILLED = {f"clock_{name}": "fulfilled" for name in CLOCKS}
RUNS_ON = {f"clock_{name}": "runs_on" for name in CLOCKS}


def put_report(world, **of_policy):
    """What one report makes: four clocks, and the policy that opens at the first report."""
    for number, name in enumerate(CLOCKS):
        put_clock(world, name, 3_600 * (number + 1), **MESSAGE)
    return world.put_case("e-1", **MESSAGE, **of_policy)


def decide(browser, **fields):
    question = act(browser, "/cases/e-1", "decided", **UPHELD | FULFILLED | fields)
    return browser.confirm(question) if question.status_code == 200 else question


def acted(world):
    return sorted((each["escalation_id"], each["kind"]) for each in world.sent("case-activity"))


def test_a_report_that_makes_five_escalations_wait_is_one_row(world, anna):
    put_report(world)
    page = anna.page("/desk")
    assert "1 waiting" in text_of(page)
    assert len(rows(page)) == 1
    assert re.search(r"4 clocks, 1 policy, next \d+ h", text_of(page))
    assert anna.get("/work").json()["overdue"] == 0
    for name in (*CLOCKS, "e-1"):
        page = anna.page(f"/cases/{name}")
        assert 'action="/cases/e-1/acts"' in page
        inside = section(page, "inside")
        assert (inside.count("Clock "), inside.count("Policy ")) == (4, 1)
    (version,) = re.findall(r'data-version="([^"]+)"', anna.page("/desk"))
    assert version == f"{world.case_id('e-1')} e-1@0 " + " ".join(f"{name}@0" for name in CLOCKS)


def test_it_is_decided_once_with_all_of_its_clocks(world, anna):
    put_report(world)
    assert decide(anna).status_code == 303
    assert acted(world) == [("e-1", "decided")]
    (outcome,) = world.sent("moderation-outcomes")
    assert outcome["subject"]["escalation_id"] == "e-1"
    assert {(each["clock_id"], each["outcome"]) for each in world.sent("clock-outcomes")} == {
        (name, "fulfilled") for name in CLOCKS
    }
    assert "0 waiting" in text_of(anna.page("/desk"))
    (row,) = rows(anna.page("/desk?listed=decided")).values()
    assert "upheld by anna, just now" in text_of(f"<main{row}")
    # A clock of the same message is a case of the message again, and says what was decided.
    put_clock(world, "c-5", 3_600, **MESSAGE)
    (row,) = rows(anna.page("/desk")).values()
    assert "decided just now : upheld by anna" in text_of(f"<main{row}")
    before = section(anna.page("/cases/c-5"), "before")
    assert before.startswith("Before decided just now : upheld by anna")


def test_a_form_that_is_sent_twice_has_one_effect(world, anna):
    put_report(world)
    world.put_case("e-2", policy="another", **MESSAGE)
    fields = UPHELD | FULFILLED
    page = anna.page("/cases/e-1")
    question = act(anna, "/cases/e-1", "decided", page, **fields)
    for _ in range(2):
        assert anna.confirm(question).status_code == 303
    assert acted(world) == [("e-1", "decided"), ("e-2", "decided")]
    assert len(world.sent("moderation-outcomes")) == 2
    assert len(world.sent("clock-outcomes")) == 4


def test_clocks_that_run_on_keep_the_case_on_the_desk_with_what_was_decided(world, anna):
    put_report(world)
    decide(anna, **FULFILLED | {"clock_c-3": "runs_on"})
    ((name, row),) = rows(anna.page("/desk")).items()
    assert name == "c-3"
    assert "decided just now : upheld by anna" in text_of(f"<main{row}")
    # The decision can still be read, and taken back.
    assert "Take back" in anna.page("/cases/e-1")
    assert "decided just now : upheld by anna" in section(anna.page("/cases/c-3"), "before")
    end_clock(anna, "c-3", "fulfilled")
    assert "0 waiting" in text_of(anna.page("/desk"))


def test_policies_of_one_message_are_decided_together_each_with_an_outcome_of_its_own(world, anna):
    put_report(world)
    world.put_case("e-2", policy="another", **MESSAGE)
    assert len(rows(anna.page("/desk"))) == 1
    decide(anna)
    assert acted(world) == [("e-1", "decided"), ("e-2", "decided")]
    outcomes = world.sent("moderation-outcomes")
    assert {each["subject"]["escalation_id"] for each in outcomes} == {"e-1", "e-2"}
    assert len({each["outcome_id"] for each in outcomes}) == 2
    assert len(world.sent("clock-outcomes")) == 4
    assert "0 waiting" in text_of(anna.page("/desk"))


@pytest.mark.parametrize("guarded", ["e-1", "e-2"])
def test_two_people_decide_if_the_gate_of_any_part_asks_for_them(world, anna, ben, guarded):
    put_report(world, **GUARDED if guarded == "e-1" else {})
    world.put_case("e-2", policy="another", **MESSAGE, **GUARDED if guarded == "e-2" else {})
    page = anna.page("/desk")
    assert 'type="checkbox"' not in page
    assert "two people decide" in anna.page("/cases/e-1")
    assert decide(anna).status_code == 303
    assert acted(world) == [("e-1", "outcome_proposed"), ("e-2", "outcome_proposed")]
    assert world.sent("moderation-outcomes") == world.sent("clock-outcomes") == []
    assert ben.get("/work").json()["to sign"] == 1
    said = section(ben.page("/cases/c-2"), "proposal")
    assert "Why two people why" in said
    assert act(ben, "/cases/e-1", "proposal_signed").status_code == 303
    assert {each["subject"]["escalation_id"] for each in world.sent("moderation-outcomes")} == {"e-1", "e-2"}
    assert len(world.sent("clock-outcomes")) == 4
    assert "0 waiting" in text_of(ben.page("/desk"))


def test_a_proposal_is_taken_back_from_all_parts(world, anna, ben):
    put_report(world, **GUARDED)
    world.put_case("e-2", policy="another", **MESSAGE)
    decide(anna)
    act(anna, "/cases/e-1", "proposal_declined")
    assert ben.get("/work").json()["to sign"] == 0
    assert acted(world)[-1] == ("e-2", "proposal_declined")


def test_who_claims_or_puts_off_a_case_does_so_with_all_of_it(world, anna, ben):
    put_report(world)
    act(anna, "/cases/e-1", "claimed")
    assert len(world.sent("case-activity")) == 5
    for view in ("/desk?assignee=anna", "/desk"):
        assert len(rows(anna.page(view))) == 1
    assert rows(anna.page("/desk?assignee=nobody")) == {}
    # A clock that starts later is part of it, and somebody works on it.
    put_clock(world, "c-5", 60 * 90, **MESSAGE)
    assert rows(anna.page("/desk?assignee=nobody")) == {}
    act(anna, "/cases/e-1", "released")
    assert kinds(world).count("released") == 5
    act(anna, "/cases/e-1", "snoozed", snooze="1 d")
    assert "0 waiting" in text_of(anna.page("/desk"))
    assert len(rows(anna.page("/desk?listed=snoozed"))) == 1
    timeline = section(anna.page("/cases/e-1"), "timeline")
    assert [timeline.count(f"{kind} by anna") for kind in ("claimed", "released", "snoozed")] == [1, 1, 1]


def test_of_two_people_one_is_first_on_all_parts(world, anna, ben):
    put_report(world)
    world.put_case("e-2", policy="another", **MESSAGE)
    seen = ben.page("/cases/e-1")
    decide(anna, **RUNS_ON)
    late = act(ben, "/cases/e-1", "decided", seen, **DISMISSED | RUNS_ON)
    assert late.status_code == 409
    assert "anna did this: decided" in text_of(late.text)
    assert {each["decision"] for each in world.sent("moderation-outcomes")} == {"upheld"}


def test_what_joined_the_case_since_the_page_was_opened_is_not_decided_unseen(world, anna):
    put_report(world)
    seen = anna.page("/cases/e-1")
    world.put_case("e-2", policy="another", **MESSAGE)
    late = act(anna, "/cases/e-1", "decided", seen, **UPHELD | FULFILLED)
    assert late.status_code == 409
    assert "The case changed since you opened the page" in text_of(late.text)
    assert world.sent("case-activity") == []
    # The page that says so shows all of it, and sends it.
    assert act(anna, "/cases/e-1", "decided", late.text, **UPHELD | FULFILLED).status_code == 200


def test_a_policy_that_counts_a_second_message_is_about_its_channel_from_then_on(world, anna):
    opened = put_report(world)
    seen = anna.page("/cases/e-1")
    world.put(
        "escalations",
        opened | {"sequence": 2, "type": "updated", "message_refs": ["message-of-it", "message-of-another"]},
    )
    assert len(rows(anna.page("/desk"))) == 2
    assert "All of it is about one message" in anna.page("/cases/c-1")
    assert 'id="inside"' not in anna.page("/cases/e-1")
    # Its page still offers the clocks of its messages, and what was seen of another case is not sent.
    assert 'name="clock_c-1"' in anna.page("/cases/e-1")
    assert act(anna, "/cases/e-1", "decided", seen, **UPHELD | FULFILLED).status_code == 409
    decide(anna)
    assert "0 waiting" in text_of(anna.page("/desk"))


def test_another_case_of_the_channel_says_what_was_decided_there(world, anna):
    put_report(world)
    world.put_case("e-2", channel_ref=MESSAGE["channel_ref"])
    decide(anna)
    ((name, row),) = rows(anna.page("/desk")).items()
    assert name == "e-2"
    assert "decided in this channel just now : upheld by anna" in text_of(f"<main{row}")
    assert "in this channel just now" in section(anna.page("/cases/e-2"), "before")


def test_a_case_is_shown_with_the_parts_that_a_person_may_see(world, anna):
    put_report(world, category="csam")
    narrow = world.browser(lead("narrow", categories=frozenset(CATEGORIES) - {"csam"}))
    assert narrow.get("/cases/e-1").status_code == 404
    page = narrow.page("/cases/c-2")
    assert 'action="/cases/c-1/acts"' in page
    assert not re.search(r"\be-1\b", page)
    assert "csam" not in section(page, "inside")
    assert re.search(r"4 clocks, next \d+ h", text_of(narrow.page("/desk")))
    seen = narrow.page("/cases/c-1")
    fields = UPHELD | FULFILLED | {"category": "ncii"}
    narrow.confirm(act(narrow, "/cases/c-1", "decided", seen, **fields))
    assert acted(world) == [("c-1", "decided")]
    (outcome,) = world.sent("moderation-outcomes")
    assert outcome["subject"] == {
        "kind": "message",
        "channel_ref": MESSAGE["channel_ref"],
        "message_ref": "message-of-it",
    }
    # What they could not see waits for who can, and says what was decided meanwhile.
    assert "0 waiting" in text_of(narrow.page("/desk"))
    ((name, row),) = rows(anna.page("/desk")).items()
    assert name == "e-1"
    assert "decided just now : upheld by narrow" in text_of(f"<main{row}")
    assert "decided" not in text_of(narrow.page("/desk")).partition("Works on it")[2]


def test_many_cases_are_dismissed_each_as_a_whole(world, anna):
    put_report(world)
    world.put_case("e-3")
    question = choose(anna, "dismissed", "e-1@0", "e-3@0")
    done = confirm(
        anna, question.text, 2, reason="not_a_violation", rule=DISMISSED["rule"], clocks="withdrawn"
    )
    assert "2 of 2 cases dismissed" in text_of(done.text)
    assert "Clocks that ended: 4" in text_of(done.text)
    assert acted(world) == [("e-1", "decided"), ("e-3", "decided")]
    assert "0 waiting" in text_of(anna.page("/desk"))


def test_many_cases_are_claimed_each_as_a_whole(world, anna):
    put_report(world)
    confirm(anna, choose(anna, "claimed", "e-1@0").text, 1)
    assert acted(world) == [*((name, "claimed") for name in CLOCKS), ("e-1", "claimed")]


def test_a_row_is_acted_on_where_it_stands(world, anna):
    put_report(world)
    page = anna.page("/desk")
    ((name, row),) = rows(page).items()
    (version,) = map(html.unescape, re.findall(r'data-version="([^"]+)"', page))
    form = {"token": anna.token, "act_id": "a", "version": version, "kind": "escalated"}
    assert anna.post(f"/cases/{name}/acts", data=form).status_code == 303
    assert len(world.sent("case-activity")) == 5
    assert "escalated" in text_of(anna.page("/desk")).partition("Works on it")[2]


def test_what_is_held_back_is_undone_with_all_of_it(tmp_path):
    with World(tmp_path) as world:
        put_report(world)
        world.put_case("e-2", policy="another", **MESSAGE)
        world.hold_seconds = 60.0
        with world.browser(lead("anna")) as anna:
            decide(anna)
            # Something else with the same case waits for that.
            assert act(anna, "/cases/e-1", "claimed").status_code == 422
            assert undo(anna).headers["location"] == "/cases/e-1"
            send_now(anna)
            assert world.sent("case-activity") == world.sent("moderation-outcomes") == []
            anna.app.state.console.held._now.clear()
            decide(anna)
            send_now(anna)
        assert acted(world) == [("e-1", "decided"), ("e-2", "decided")]
        assert len(world.sent("clock-outcomes")) == 4


def test_who_decided_something_else_meanwhile_of_one_part_is_said(world, anna):
    put_report(world)
    world.put_case("e-2", policy="another", **MESSAGE)
    seen = anna.page("/cases/e-1")
    # As a console does whose reader sees only one of them.
    world.writer.execute("UPDATE desk_row SET category = 'csam' WHERE escalation_id != 'e-2'")
    narrow = world.browser(lead("narrow", categories=frozenset(CATEGORIES) - {"csam"}))
    act(narrow, "/cases/e-2", "claimed")
    world.writer.execute("UPDATE desk_row SET category = 'fraud'")
    done = act(anna, "/cases/e-1", "decided", seen, **UPHELD | RUNS_ON)
    assert done.status_code == 303
    said = text_of(anna.page("/desk"))
    assert "A part of the case is as it was: somebody else was faster. Look at the case." in said


def test_why_every_policy_of_a_case_asks_for_it_is_on_its_page(world, anna):
    put_report(world)
    world.put_case("e-2", policy="another", policy_reason="why the other one does", **MESSAGE)
    page = anna.page("/cases/c-1")
    assert "another" in section(page, "why")
    assert section(page, "why").count("Message message-of-it") == 1


@pytest.mark.parametrize("path", ["/desk", "/cases/c-1"])
def test_a_page_is_made_although_all_of_a_case_was_decided_while_it_was_read(world, anna, monkeypatch, path):
    put_report(world)
    read = case_query.members_of

    def decided_meanwhile(reader, row, categories):
        world.writer.execute("UPDATE desk_row SET waits = 0")
        return read(reader, row, categories)

    monkeypatch.setattr(case_query, "members_of", decided_meanwhile)
    monkeypatch.setattr(members, "members_of", decided_meanwhile)
    assert re.search(r'"/cases/[ce]-1', anna.page(path))


def test_the_next_case_of_a_view_is_about_something_else(world, anna):
    """In the view a policy stands for its case; of all parts a clock does, which is due before everything else."""
    put_report(world, category="fraud", level=1)
    world.put_case("e-2", channel_ref="another", message_refs=["another"], category="fraud", level=3)
    world.put_case("e-3", channel_ref="third", message_refs=["third"], category="fraud", level=1)
    policy = re.findall(r'<option value="([\w-]+)"', anna.page("/desk").partition('name="policy"')[2])[0]
    view = f"policy={policy}"
    order = [
        re.search(r'href="/cases/([\w-]+)"', each)[1] for each in rows(anna.page(f"/desk?{view}")).values()
    ]
    assert sorted(order) == ["e-1", "e-2", "e-3"]
    for case, following in zip(order, order[1:], strict=False):
        answer = anna.get(f"/desk/next/{world.case_id(case)}?{view}")
        assert answer.headers["location"] == f"/cases/{following}"
    assert anna.get(f"/desk/next/{world.case_id(order[-1])}?{view}").headers["location"] == f"/desk?{view}"


def test_the_list_of_chosen_cases_stands_before_the_button(world, anna):
    world.put_case()
    page = choose(anna, "dismissed", world.case_id("e-1")).text
    assert (
        page.index('<ul class="chosen">')
        < page.index("Type 1 to confirm")
        < page.index("<button>Dismiss all")
    )


def test_law_gate_routing_and_charts_of_every_part_are_on_the_page_where_they_differ(world, anna):
    first = example("escalations", "opened-threshold-crossed")
    duty, *_ = first["obligations"]
    world.put_case("e-1", **MESSAGE, policy="one", obligations=[duty])
    assert "Policy one" not in section(anna.page("/cases/e-1"), "law")
    other = duty | {"id": "XX.other.duty"}
    guarded = first["rule_of_law"] | {"tier": "guarded", "reasons": ["only this part says so"]}
    condition = first["conditions"][0] | {"measure": "voices"}
    world.put_case(
        "e-2", **MESSAGE, policy="two", obligations=[duty, other], rule_of_law=guarded, conditions=[condition]
    )
    page = anna.page("/cases/e-1")
    law, gate, routing = (section(page, name) for name in ("law", "gate", "routing"))
    for each in (law, gate):
        assert each.index("Policy one") < each.index("Policy two")
    # What both say stands once, and what only one says with its name.
    _, two = law.split("Policy two")
    assert "XX.other.duty" in two
    assert duty["id"] not in two
    assert "only this part says so" in gate.partition("Policy two")[2]
    assert "Policy" not in routing.partition("Routing")[2]
    assert [each.partition(":")[0] for each in re.findall("<figcaption>(.*?),", page)] == [
        "Policy one",
        "Policy two",
    ]
