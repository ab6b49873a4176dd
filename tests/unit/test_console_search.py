"""The search finds what a person may go to and do, and nothing of others."""

import re
from html import unescape
from itertools import pairwise

import pytest

from streams.desk.console.read_model.finding import id_search
from streams.desk.console.read_model.finding.id_search import ids_beginning
from streams.desk.console.web.finding.possible_acts import possible_acts
from tests.categories import CATEGORIES
from tests.unit.console_pages import World, clock_ms, example, lead, text_of
from tests.unit.test_console_acts import DISMISSED, act

WITHOUT_CHILDREN = frozenset(CATEGORIES) - {"csam", "csam_synthetic", "grooming"}


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as world:
        yield world


def found(browser, typed, case=""):
    """What the palette shows, as pairs of kind and label, with the addresses."""
    places = browser.get("/search/places", params={"q": typed, "case": case}).json()
    return {(each["kind"], each["label"]): each["address"] for each in places}


def labels(browser, typed, kind, case=""):
    return [label for of_kind, label in found(browser, typed, case) if of_kind == kind]


def test_it_finds_pages_views_queues_and_categories_by_words(world):
    world.put_examples("desk-views")
    browser = world.browser()
    assert found(browser, "fig") == {("page", "Figures"): "/figures"}
    assert ("page", "Figures") not in found(world.browser(lead("d", role="desk")), "fig")
    assert found(browser, "to sig") == {("view", "To sign"): "/desk?to_sign=yes"}
    assert found(browser, "LEVEL fraud") == {("queue", "Fraud, level 2"): "/desk?category=fraud&level=2"}
    assert found(browser, "threat to") == {
        ("category", "Threat to life (threat_to_life)"): "/desk?category=threat_to_life"
    }
    assert found(browser, "threat_to_life") == found(browser, "threat to")
    assert found(browser, "Überf") == {}
    own = world.browser(lead("desk-7f3a", role="desk"))
    assert found(own, "ÜBERF") == {("view", "Überfällig in DE"): "/desk?country=DE&clock=overdue"}


def test_without_words_it_lists_what_fits_on_a_screen(world):
    places = found(world.browser(), "")
    assert len(places) == 20
    assert ("page", "Desk") in places


@pytest.mark.parametrize("typed", ["csam", "groom", "child"])
def test_it_finds_nothing_of_categories_that_a_person_does_not_see(world, typed):
    world.put_case("grooming-1", category="grooming", channel_ref="csam-channel")
    world.put_case("csam-case-1", category="csam")
    world.put_request("csam-request-1", category="csam")
    browser = world.browser(lead(categories=WITHOUT_CHILDREN))
    assert found(browser, typed) == found(browser, f"{typed}-") == {}
    assert found(world.browser(), typed)


def test_it_finds_ids_by_how_they_begin(world):
    world.put_case("e-1234", category="fraud", channel_ref="chan-77")
    world.put_case("e-1235", category="hate", channel_ref="chan-77")
    world.put_case("E-1236", category="hate", channel_ref="chan-78")
    world.put_request("e-12-request", category="fraud")
    browser = world.browser()
    assert found(browser, "e-12") == {
        ("case", "e-1234, Fraud"): "/cases/e-1234",
        ("case", "e-1235, Hate speech"): "/cases/e-1235",
        ("request", "e-12-request, removal order"): "/requests/e-12-request",
    }
    assert found(browser, "chan") == {
        ("channel", "chan-77"): "/desk?listed=all&channel=chan-77",
        ("channel", "chan-78"): "/desk?listed=all&channel=chan-78",
    }
    assert found(browser, " e-1234 ") == {("case", "e-1234, Fraud"): "/cases/e-1234"}
    # Three characters begin too many.
    assert found(browser, "e-1") == {}
    # What is no id is looked for as words alone.
    for typed in ("e-12%", "e_12", "e-12*", "e-12' OR 1", "e-12\x7f", "é-12", "e-12\x00"):
        assert found(browser, typed) == {}, typed
    only_hate = world.browser(lead(categories=frozenset({"hate"})))
    assert found(only_hate, "e-12") == {("case", "e-1235, Hate speech"): "/cases/e-1235"}
    assert labels(only_hate, "chan", "channel") == ["chan-77", "chan-78"]
    assert labels(world.browser(lead(categories=frozenset({"fraud"}))), "chan", "channel") == ["chan-77"]


def test_ids_are_those_that_a_loop_finds(world, monkeypatch):
    monkeypatch.setattr(id_search, "_MOST", 1000)
    names = [
        "abcd",
        "abcd0",
        "abcdz",
        "abce",
        "abc",
        "abcd~",
        "Abcd",
        "abcd.x",
        "abcd:9",
        "zzzz",
        "abcd-Z",
        "abcd_",
    ]
    for number, name in enumerate(names):
        world.put_case(name, category=("fraud", "hate")[number % 2], channel_ref=f"{name}-c")
    reader = world.database.reader()
    for person in (lead(), lead(categories=frozenset({"hate"}))):
        for beginning in ("abcd", "abcd~", "abce", "Abcd", "abcd.", "zzzz9"):
            cases = [each.id for each in ids_beginning(reader, person, beginning) if each.kind == "case"]
            seen = [name for number, name in enumerate(names) if person.sees(("fraud", "hate")[number % 2])]
            assert cases == sorted(name for name in seen if name.startswith(beginning))


def test_there_are_only_some_hits_of_each_kind(world):
    for number in range(9):
        world.put_case(f"same-{number}", channel_ref=f"same-channel-{number}")
    places = found(world.browser(), "same")
    assert len([kind for kind, _ in places if kind == "case"]) == 5
    assert len([kind for kind, _ in places if kind == "channel"]) == 5
    assert list(places) == sorted(places)


def test_the_search_of_ids_reads_an_index(world):
    reader = world.database.reader()

    class Explaining:
        plans = []

        def execute(self, statement, values):
            self.plans += [row[3] for row in reader.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            return reader.execute(statement, values)

    list(ids_beginning(Explaining(), lead(), "abcd"))
    tables = [plan for plan in Explaining.plans if "desk_row" in plan or "request_row" in plan]
    assert len(tables) == 3
    assert all(plan.startswith("SEARCH") for plan in tables), tables


def acts_on(world, person, case):
    return [
        each.label.partition(":")[0]
        for each in possible_acts(world.database.reader(), person, case, clock_ms())
    ]


DECISIONS = ["Uphold", "Dismiss", "Call manifestly unfounded"]


@pytest.mark.parametrize(
    ("role", "free", "held_by_another"),
    [
        ("desk", ["Claim", "Escalate", "Snooze", *DECISIONS], []),
        ("lead", ["Claim", "Escalate", "Snooze", *DECISIONS], ["Claim", "Escalate", "Snooze", *DECISIONS]),
        ("legal", ["Claim", "Escalate", "Snooze", *DECISIONS], []),
        ("authority_liaison", ["Claim"], []),
        ("read_only", [], []),
    ],
)
def test_acts_are_those_that_a_role_may_do_with_a_case(world, role, free, held_by_another):
    world.put_case("e-1", category="fraud")
    person = lead("me", role=role)
    assert acts_on(world, person, "e-1") == free
    act(world.browser(lead("other", role="desk")), "/cases/e-1", "claimed")
    assert acts_on(world, person, "e-1") == held_by_another
    assert acts_on(world, lead("me", role=role, categories=frozenset({"hate"})), "e-1") == []
    assert acts_on(world, person, "e-2") == acts_on(world, person, "") == []


def test_acts_follow_what_becomes_of_a_case(world):
    gate = example("escalations", "opened-threshold-crossed")["rule_of_law"] | {
        "decision": "two_person_review"
    }
    world.put_case("e-1", category="hate", rule_of_law=gate)
    anna, ben = lead("anna"), lead("ben")
    act(world.browser(anna), "/cases/e-1", "claimed")
    assert "Release" in acts_on(world, anna, "e-1")
    act(world.browser(anna), "/cases/e-1", "escalated")
    assert "Escalate" not in acts_on(world, anna, "e-1")
    act(world.browser(anna), "/cases/e-1", "decided", **DISMISSED)
    assert acts_on(world, anna, "e-1") == ["Claim", "Snooze", "Take back the proposal"]
    assert acts_on(world, ben, "e-1") == ["Claim", "Snooze", "Sign the proposal", "Decline the proposal"]
    world.put_case("e-2", category="hate")
    act(world.browser(anna), "/cases/e-2", "decided", **DISMISSED)
    assert acts_on(world, ben, "e-2") == ["Claim", "Take back the decision"]


@pytest.mark.parametrize(
    ("role", "acts"),
    [
        ("desk", []),
        ("authority_liaison", ["Claim", "Answer"]),
        ("legal", ["Claim", "Answer"]),
        ("read_only", []),
    ],
)
def test_acts_on_a_request_are_of_who_may_answer_it(world, role, acts):
    world.put_request("r-1", category="fraud")
    assert acts_on(world, lead("me", role=role), "r-1") == acts
    act_labels = labels(world.browser(lead("me", role=role)), "answer", "act", case="r-1")
    assert act_labels == (["Answer: removal order of DE"] if acts else [])


def test_what_a_case_can_have_done_is_found_by_words_and_first(world):
    world.put_case("e-1", category="fraud", level=3)
    places = found(world.browser(lead("d", role="desk")), "cl", case="e-1")
    assert list(places.items())[0] == (("act", "Claim: Fraud, level 3"), "/cases/e-1")
    assert found(world.browser(), "uphold", case="e-1") == {
        ("act", "Uphold: Fraud, level 3"): "/cases/e-1#upheld"
    }
    assert labels(world.browser(), "uphold", "act") == []
    kinds = [each["act"] for each in world.browser().get("/search/places?q=claim&case=e-1").json()]
    assert kinds == ["claimed"]


def test_a_browser_without_scripts_has_the_same_on_a_page(world):
    world.put_examples("desk-views")
    world.put_case("e-1234", category="fraud")
    browser = world.browser()
    # Every page leads there, and that of a case says which it is.
    assert '<noscript><a href="/search">' in browser.page("/clocks")
    page = browser.page("/cases/e-1234")
    (joined,) = re.findall(r'data-case="([^"]+)"', page)
    assert f'<noscript><a href="/search?case={joined}">' in page
    for typed, case in (("fraud", ""), ("e-12", ""), ("claim", joined), ("", "e-1234")):
        page = browser.get("/search", params={"q": typed, "case": case}).text
        links = re.findall(r'<li><a href="([^"]+)">([^<]+)</a> <span class="quiet">(\w+)</span></li>', page)
        shown = {(kind, unescape(label)): unescape(address) for address, label, kind in links}
        assert shown == found(browser, typed, case), typed
        assert shown
        assert not case or f'name="case" value="{case}"' in page
    assert "Nothing is found" in text_of(browser.page("/search?q=nothing-like-it"))


@pytest.mark.parametrize(
    "typed", ["<b>x</b>", '"><script>', "{{ 7 * 7 }}", "x" * 5_000, "\u202e", "%", "_" * 200, "\ud7ff"]
)
def test_whatever_is_typed_is_text(world, typed):
    browser = world.browser()
    page = browser.get("/search", params={"q": typed, "case": typed})
    assert page.status_code == 200
    assert typed not in page.text or typed in ("%", "\u202e", "\ud7ff") or typed.startswith(("x", "_", "{"))
    assert "49" not in text_of(page.text)
    assert browser.get("/search/places", params={"q": typed}).status_code == 200


def test_nobody_finds_a_case_by_its_order_in_a_list(world):
    """Hits are in the order of ids: it says nothing of what is left out between them."""
    for number in range(9):
        world.put_case(f"seen-{number}", category="fraud" if number % 2 else "csam")
    names = labels(world.browser(lead(categories=WITHOUT_CHILDREN)), "seen", "case")
    assert len(names) == 4
    assert all(one < other for one, other in pairwise(names))
