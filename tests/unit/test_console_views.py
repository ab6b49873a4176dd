"""Views and queues of the desk: chips, names, saving and deleting, and who sees which."""

import json
import re
import unicodedata
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events.desk_view import NAME_LENGTH
from streams.contract.wire.view_names import BadName, same_name, view_name
from streams.desk.console.read_model.apply import apply_records
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.database import transaction
from streams.desk.console.read_model.desk.filter import DeskFilter
from streams.desk.console.read_model.finding.desk_views import MOST_VIEWS, all_queues, own_views, why_no_queue
from streams.desk.console.read_model.retention import prune
from streams.contract.wire.times import DAY
from streams.desk.console.web.finding.named_views import filter_words
from tests.categories import CATEGORIES
from tests.unit.console_pages import LATER_MS, Record, World, hidden_fields, lead, text_of
from tests.unit.test_console_desk import rows

CHILD_SAFETY = {"csam", "csam_synthetic", "grooming"}
WITHOUT_CHILDREN = frozenset(CATEGORIES) - CHILD_SAFETY


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as world:
        yield world


def desk(ref="desk-1", **fields):
    return lead(ref, role="desk", **fields)


def save(browser, name, query="category=fraud", **fields):
    """Send the form that saves a filter; the answer."""
    page = browser.page(f"/views?{query}")
    return browser.submit(page, "/save-view", name=name, **fields)


def saved(browser, name, query="category=fraud", **fields):
    answer = save(browser, name, query, **fields)
    assert answer.status_code == 303, text_of(answer.text)
    return answer.headers["location"]


def deletion_of(page, name):
    """The hidden fields of the form that deletes the view with this name."""
    for body in re.findall(r'<form method="post" action="/delete-view">(.*?)</form>', page, re.S):
        fields = {
            key: unescape(value)
            for key, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', body)
        }
        if fields["name"] == name:
            return fields
    raise AssertionError(f"{name} cannot be deleted here")


def names(page):
    """The names of views and queues on the page of views."""
    rows = re.findall(r'<th scope="row"><a href="([^"]+)">([^<]+)</a>', page)
    return {unescape(name): unescape(address) for address, name in rows}


def chips(page):
    """The chips of a page by their key: label, whether pressed, and the address after a press."""
    forms = re.findall(
        r'<form method="get" action="/desk">(.*?)<button aria-pressed="(\w+)" aria-keyshortcuts="(\d)">([^<]+)<',
        page,
        re.S,
    )
    return {
        int(key): (
            label.strip(),
            pressed == "true",
            dict(re.findall(r'name="(\w+)" value="([^"]*)"', fields)),
        )
        for fields, pressed, key, label in forms
    }


def test_a_chip_is_applied_at_once_kept_in_the_address_and_says_that_it_is_pressed(world):
    world.put_case("e-1", category="csam")
    world.put_case("e-2", category="fraud")
    browser = world.browser()
    before = chips(browser.page("/desk?category=csam&by=channel"))
    assert [label for label, _, _ in before.values()] == [
        "Overdue", "Mine", "To sign", "Children", "Threats", "Nobody on it", "Escalated", "Coordinated?",
    ]  # fmt: skip
    assert not any(pressed for _, pressed, _ in before.values())
    # What was filtered before stays.
    assert before[4][2] == {"category": "csam", "by": "channel", "at_stake": "children"}
    page = browser.get("/desk", params=before[4][2]).text
    assert list(rows(page)) == ["e-1"]
    after = chips(page)
    assert [key for key, (_, pressed, _) in after.items() if pressed] == [4]
    assert after[4][2] == {"category": "csam", "by": "channel"}
    # The other one of the same field takes its place.
    assert after[5][2]["at_stake"] == "life"


def test_a_key_of_a_chip_means_the_same_for_everybody(world):
    keys = chips(world.browser(lead("reader", role="read_only")).page("/desk"))
    assert [(key, keys[key][0]) for key in keys] == [
        (1, "Overdue"), (4, "Children"), (5, "Threats"), (6, "Nobody on it"), (7, "Escalated"), (8, "Coordinated?"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "valid"),
    [
        ("category=foo", "csam"),
        ("group=foo", "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"),
        ("at_stake=foo", "children, life"),
        ("policy=foo", "intimate-images"),
        ("country=QQ", "DE"),
        ("clock=foo", "running, overdue, none"),
        ("level=x", "0 to 99"),
        ("integrity=foo", "suspected"),
        ("channel=a%00b", "1 to 128 characters"),
        ("channel=" + "x" * 129, "1 to 128 characters"),
        ("assignee=anna@example.org", "1 to 128 characters"),
    ],
)
@pytest.mark.parametrize("path", ["/desk", "/desk/rows", "/views"])
def test_an_unknown_value_is_refused_with_those_that_there_are(world, path, query, valid):
    page = world.browser().page(f"{path}?{query}", 400)
    assert valid in text_of(page)
    assert query.partition("=")[0] in text_of(page)


def test_a_category_that_somebody_does_not_see_is_one_that_does_not_exist(world):
    browser = world.browser(desk(categories=WITHOUT_CHILDREN))
    hidden = text_of(browser.page("/desk?category=csam", 400))
    assert hidden == text_of(browser.page("/desk?category=foo", 400))
    assert "grooming" not in hidden
    assert "fraud" in hidden


def test_a_policy_that_is_gone_can_be_asked_for_as_long_as_it_has_cases(world):
    browser = world.browser(desk(categories=frozenset({"spam"})))
    browser.page("/desk?policy=of-last-year", 400)
    world.put_case("e-1", policy="of-last-year", category="fraud")
    # Somebody else's.
    browser.page("/desk?policy=of-last-year", 400)
    world.put_case("e-2", policy="of-last-year", category="spam")
    assert list(rows(browser.page("/desk?policy=of-last-year"))) == ["e-2"]


@pytest.mark.parametrize(
    ("name", "person", "address"),
    [
        ("overdue", desk(), "/desk?clock=overdue"),
        ("mine", desk("ben"), "/desk?assignee=ben"),
        ("Mine", desk("ben"), "/desk?assignee=ben"),
        ("to-sign", desk(), "/desk?to_sign=yes"),
        ("children", desk(), "/desk?at_stake=children"),
        ("threats", desk(), "/desk?at_stake=life"),
        ("children", desk(categories=WITHOUT_CHILDREN), None),
        ("to-sign", lead("reader", role="read_only"), None),
        ("nothing", desk(), None),
    ],
)
def test_what_everybody_has_is_reached_by_name(world, name, person, address):
    answer = world.browser(person).get(f"/views/{name}")
    assert answer.headers.get("location") == address
    assert answer.status_code == (404 if address is None else 303)


def test_a_view_is_of_the_person_who_saved_it(world):
    world.put_case("e-1", category="fraud", level=3)
    anna, ben = world.browser(desk("anna")), world.browser(desk("ben"))
    assert saved(anna, "Fraud  from 2", "category=fraud&level=2") == "/desk?category=fraud&level=2"
    page = anna.page("/desk?category=fraud&level=2")
    assert "Saved as the view Fraud from 2." in text_of(page)
    assert "Desk: Fraud from 2" in text_of(page)
    assert "category Fraud, level from 2 " in text_of(anna.page("/views"))
    address = names(anna.page("/views"))["Fraud from 2"]
    assert address == "/views/Fraud%20from%202"
    assert anna.get(address).headers["location"] == "/desk?category=fraud&level=2"
    assert "Fraud from 2" not in ben.page("/views") + ben.page("/desk?category=fraud&level=2")
    assert ben.get(address).status_code == 404
    # Another console knows it, too, and one of the same name is another person's.
    saved(ben, "fraud from 2", "category=fraud&level=3")
    assert anna.get("/views/FRAUD%20FROM%202").headers["location"].endswith("level=2")
    assert ben.get("/views/FRAUD%20FROM%202").headers["location"].endswith("level=3")


def test_a_queue_of_a_lead_is_for_all_and_says_whose_it_is(world):
    saved(world.browser(), "Fraud", kind="queue", hours="24", percent="90")
    page = world.browser(desk("ben")).page("/views")
    assert names(page)["Fraud"] == "/queues/Fraud"
    assert "90 % in 24 h by lead-1, " in text_of(page)
    assert "/delete-view" not in page
    assert world.browser(desk("ben")).get("/queues/fraud").headers["location"] == "/desk?category=fraud"
    (record,) = [each for each in world.log if each.topic == "desk-views"]
    assert record.key == b"queue/fraud"
    value = json.loads(record.value)
    assert value.pop("saved_at")
    assert value == {
        "name": "Fraud",
        "kind": "queue",
        "filter": {"category": "fraud"},
        "saved_by": {"ref": "lead-1", "role": "lead"},
        "target": {"hours": 24, "percent": 90},
    }


@pytest.mark.parametrize("role", ["desk", "legal", "authority_liaison"])
def test_only_a_lead_publishes_and_deletes_queues(world, role):
    saved(world.browser(), "Fraud", kind="queue")
    browser = world.browser(lead("other", role=role))
    assert save(browser, "Mine too", kind="queue").status_code == 403
    token = browser.token
    answer = browser.post(
        "/delete-view", data={"token": token, "kind": "queue", "name": "Fraud", "offset": "0"}
    )
    assert answer.status_code == 403
    assert save(browser, "Of me").status_code == 303
    assert len(all_queues(world.database.reader())) == 1


def test_who_may_only_read_saves_nothing(world):
    browser = world.browser(lead("reader", role="read_only"))
    page = browser.page("/views?category=fraud")
    assert "/save-view" not in page
    answer = browser.post("/save-view", data={"token": browser.token, "name": "x", "category": "fraud"})
    assert answer.status_code == 403
    assert world.sent("desk-views") == []


def test_a_queue_of_a_category_is_shown_to_nobody_who_does_not_see_it(world):
    saved(world.browser(), "Grooming first", "category=grooming", kind="queue")
    saved(world.browser(), "All children", "at_stake=children", kind="queue")
    saved(world.browser(), "Germany", "country=DE", kind="queue")
    world.put_case("e-1", category="grooming")
    narrow = world.browser(desk(categories=WITHOUT_CHILDREN))
    for page in (
        narrow.page("/views"),
        narrow.page("/desk"),
        narrow.page("/search?q=children"),
        narrow.page("/search?q=groom"),
    ):
        assert "Grooming first" not in page
        assert "All children" not in page
    assert narrow.get("/queues/Grooming%20first").status_code == 404
    assert narrow.get("/queues/All%20children").status_code == 404
    assert "Germany" in narrow.page("/views")
    assert "e-1" not in narrow.page(narrow.get("/queues/Germany").headers["location"])
    # A lead who does not see it neither replaces nor deletes it.
    other = world.browser(lead("lead-2", categories=WITHOUT_CHILDREN))
    answer = save(other, "grooming FIRST", kind="queue")
    assert answer.status_code == 422
    assert "a queue of this name that you do not see" in text_of(answer.text)
    offset = str(all_queues(world.database.reader())[2].offset)
    data = {"token": other.token, "kind": "queue", "name": "Grooming first", "offset": "0"}
    assert other.post("/delete-view", data=data | {"offset": offset}).status_code == 409
    assert len(all_queues(world.database.reader())) == 3


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("assignee=ben", {}),
        ("to_sign=yes", {}),
        ("listed=decided&category=fraud", {}),
        ("clock=overdue", {"hours": "4", "percent": "90"}),
        ("assignee=nobody", {"hours": "4", "percent": "90"}),
        ("escalated=yes", {"hours": "4", "percent": "90"}),
        ("category=fraud", {"hours": "4"}),
        ("category=fraud", {"percent": "90"}),
        ("category=fraud", {"hours": "0", "percent": "90"}),
        ("category=fraud", {"hours": "721", "percent": "90"}),
        ("category=fraud", {"hours": "4", "percent": "101"}),
        ("category=fraud", {"hours": "\u0664", "percent": "90"}),
        ("category=fraud", {"hours": "4.5", "percent": "90"}),
    ],
)
def test_what_would_measure_a_person_or_depends_on_the_moment_is_no_queue(world, query, fields):
    answer = save(world.browser(), "A queue", query, kind="queue", **fields)
    assert answer.status_code == 422
    assert world.sent("desk-views") == []
    # The form has what was typed.
    assert 'value="A queue"' in answer.text


def test_a_target_is_of_queues_alone(world):
    saved(world.browser(), "Of me", kind="own", hours="4", percent="90")
    (view,) = world.sent("desk-views")
    assert "target" not in view


def test_why_a_filter_is_no_queue():
    assert why_no_queue(DeskFilter(assignee="nobody"), has_target=False) is None
    assert why_no_queue(DeskFilter(category="fraud", level=2, by="channel"), has_target=True) is None
    assert "clock" in why_no_queue(DeskFilter(category="fraud", clock="none"), has_target=True)


def test_who_saves_over_a_queue_is_asked_first_and_what_is_saved_last_holds(world):
    anna, ben = world.browser(lead("anna")), world.browser(lead("ben"))
    saved(anna, "Fraud", "category=fraud", kind="queue")
    asked = save(ben, "fraud", "category=fraud&level=2", kind="queue")
    assert asked.status_code == 409
    assert "saved by anna" in text_of(asked.text)
    # Meanwhile it was saved again: what ben was asked about is not what he would replace.
    page = anna.page("/views?category=fraud&country=DE")
    again = anna.submit(page, "/save-view", name="Fraud", kind="queue")
    assert anna.submit(again.text, "/save-view", name="Fraud", kind="queue").status_code == 303
    later = ben.submit(asked.text, "/save-view", name="fraud", kind="queue")
    assert later.status_code == 409
    assert ben.submit(later.text, "/save-view", name="fraud", kind="queue").status_code == 303
    (queue,) = all_queues(world.database.reader())
    assert (queue.view.name, queue.view.saved_by.ref) == ("fraud", "ben")
    assert anna.get("/queues/Fraud").headers["location"] == "/desk?category=fraud&level=2"


def test_only_what_a_page_showed_is_deleted(world):
    anna, ben = world.browser(lead("anna")), world.browser(lead("ben"))
    saved(anna, "Fraud", kind="queue")
    fields = deletion_of(ben.page("/views"), "Fraud")
    asked = save(anna, "Fraud", "category=fraud&level=3", kind="queue")
    anna.submit(asked.text, "/save-view", name="Fraud", kind="queue")
    answer = ben.post("/delete-view", data=fields)
    assert answer.status_code == 409
    assert "somebody else has changed" in text_of(answer.text)
    answer = ben.post("/delete-view", data=deletion_of(answer.text, "Fraud"))
    assert answer.headers["location"] == "/views"
    page = ben.page("/views")
    assert "Deleted: Fraud." in text_of(page)
    assert "Fraud" not in names(page)
    (*_, record) = [each for each in world.log if each.topic == "desk-views"]
    assert (record.key, record.value) == (b"queue/fraud", None)
    # Sent a second time.
    assert ben.post("/delete-view", data=fields).status_code == 409
    # A name that was deleted is free.
    saved(ben, "Fraud", kind="queue")


def test_there_are_only_so_many_and_one_can_be_replaced_then(world):
    anna = world.browser(lead("anna"))
    for kind in ("own", "queue"):
        for number in range(MOST_VIEWS[kind]):
            saved(anna, f"{kind} {number}", f"level={number}", kind=kind)
        full = save(anna, "One more", "level=50", kind=kind)
        assert full.status_code == 422
        assert "delete one first" in text_of(full.text)
        asked = save(anna, f"{kind} 1", "level=51", kind=kind)
        assert anna.submit(asked.text, "/save-view", name=f"{kind} 1", kind=kind).status_code == 303
        anna.post("/delete-view", data=deletion_of(anna.page("/views"), f"{kind} 2"))
        saved(anna, "One more", "level=50", kind=kind)
    # Of another person, nobody has any.
    saved(world.browser(desk("ben")), "One more", "level=50")


@pytest.mark.parametrize("name", ["Mine", "to sign", "TO-SIGN", "overdue", "Children", "threats"])
def test_names_that_everybody_has_are_taken(world, name):
    assert save(world.browser(), name).status_code == 422


def test_a_form_of_another_site_saves_nothing(world):
    browser = world.browser()
    browser.page("/desk")
    data = {"token": "x", "name": "x", "category": "fraud"}
    assert browser.post("/save-view", data=data).status_code == 403
    assert browser.post("/delete-view", data=data).status_code == 403


HOSTILE = [
    "", " ", "-", ".", "..", "a" * (NAME_LENGTH + 1), "a" * 100_000, "a\x00b", "a\nb", "a\tb", "a\u202eb", "a\u200bb",
    "<b>x</b>", "a/b", "a\\b", "a?b", "a#b", "a%2fb", "a;b", "a\"b", "a'b", "{{ 7 }}", "a=b", "anna@example.org",
    "+49 171 1234567", "0171-1234567", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "\ud800", "a\u2028b", "🙂",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_refused(name):
    with pytest.raises(BadName):
        view_name(name)


@pytest.mark.parametrize(
    "name", [name for name in HOSTILE if name.isprintable() and len(name) < 1000], ids=ascii
)
def test_a_form_with_a_hostile_name_is_shown_again_escaped(world, name):
    answer = save(world.browser(), name)
    assert answer.status_code == 422
    assert "A name must be" in text_of(answer.text)
    assert "<b>x" not in answer.text
    assert world.sent("desk-views") == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  Fraud   EU ", "Fraud EU"),
        ("Überfällig (DE), Stufe 2+", "Überfällig (DE), Stufe 2+"),
        ("U\u0308berfa\u0308llig", "Überfällig"),
        ("धोखाधड़ी", "धोखाधड़ी"),
        ("R&D_1.2", "R&D_1.2"),
        ("欺诈", "欺诈"),
        ("a" * NAME_LENGTH, "a" * NAME_LENGTH),
    ],
)
def test_a_name_in_any_script_is_one(text, name):
    assert view_name(text) == view_name(view_name(text)) == unicodedata.normalize("NFC", name)


def test_capitals_do_not_tell_names_apart():
    assert same_name("STRASSE É") == same_name("straße é")


@given(st.text(max_size=60))
def test_whatever_is_taken_as_a_name_is_one_line_of_a_menu(text):
    try:
        name = view_name(text)
    except BadName:
        return
    assert 0 < len(name) <= NAME_LENGTH
    assert not {unicodedata.category(each)[0] for each in name.replace(" ", "")} & {"C", "Z"}
    assert not set(name) & set("<>\"'/\\?#%;=\0\n\r\t@")
    assert view_name(name) == name


def view_record(key, value, offset):
    return Record(
        "desk-views", 0, offset, LATER_MS, key, None if value is None else json.dumps(value).encode(), ()
    )


def view(name, by, level, kind="queue"):
    return {
        "name": name, "kind": kind, "filter": {"level": str(level)}, "saved_by": {"ref": by, "role": "lead"},
        "saved_at": "2026-09-21T08:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
@pytest.mark.parametrize("last", ["ada", "ben", None])
def test_two_leads_who_save_one_name_are_settled_by_the_log_in_whatever_order_it_is_read(
    tmp_path, order, last
):
    said = {
        "ada": [("ben", 2), (None, None), ("ada", 1)],
        "ben": [("ada", 1), (None, None), ("ben", 2)],
        None: [("ada", 1), ("ben", 2), (None, None)],
    }[last]
    records = [
        view_record(b"queue/fraud", None if by is None else view("Fraud", by, level), offset)
        for offset, (by, level) in enumerate(said)
    ]
    with World(tmp_path) as world:
        for at in (*order, order[0]):
            with transaction(world.writer):
                assert apply_records(world.writer, [("desk-views", records[at])], Changes()) == 0
        found = [each.view.saved_by.ref for each in all_queues(world.database.reader())]
        assert found == ([] if last is None else [last])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"queue/other", view("Fraud", "ada", 1)),
        (b"own/ben/fraud", view("Fraud", "ada", 1, "own")),
        (b"queue/<b>", view("<b>", "ada", 1)),
        (b"queue/" + b"a" * 50, view("a" * 50, "ada", 1)),
        (b"queue/a\x00b", view("a\x00b", "ada", 1)),
        (b"queue/fraud", view("Fraud ", "ada", 1)),
        (b"queue/fraud", view("Fraud", "ada", 1) | {"filter": {"level": 1}}),
        (b"queue/fraud", view("Fraud", "ada", 1) | {"filter": {str(each): "x" for each in range(40)}}),
        (b"queue/fraud", view("Fraud", "ada", 1) | {"filter": {"channel": "x" * 200}}),
        (b"queue/fraud", view("Fraud", "ada", 1) | {"target": {"hours": 0, "percent": 90}}),
        (b"queue/fraud", []),
        (b"\xff", None),
    ],
)
def test_what_is_no_view_is_skipped(world, key, value):
    with transaction(world.writer):
        assert apply_records(world.writer, [("desk-views", view_record(key, value, 0))], Changes()) == 1
    assert all_queues(world.database.reader()) == []


@pytest.mark.parametrize(
    "given", [{"colour": "red"}, {"clock": "broken"}, {"level": "2", "of_a_later_version": "x"}]
)
def test_a_filter_of_another_version_is_listed_and_not_taken_for_a_wider_one(world, given):
    world.put("desk-views", view("Later", "ada", 1) | {"filter": given}, key=b"queue/later")
    browser = world.browser()
    assert "a filter that this version of the console does not know" in text_of(browser.page("/views"))
    assert browser.get("/queues/Later").headers["location"] == "/views"
    assert "Later" not in browser.page("/desk")
    browser.post("/delete-view", data=deletion_of(browser.page("/views"), "Later"))
    assert all_queues(world.database.reader()) == []


def test_a_view_of_a_category_that_is_gone_says_so(world):
    world.put(
        "desk-views",
        view("Gone", "anna", 1, "own") | {"filter": {"category": "x_gone"}},
        key=b"own/anna/gone",
    )
    browser = world.browser(lead("anna"))
    address = browser.get("/views/Gone").headers["location"]
    assert "category must be one of" in text_of(browser.page(address, 400))
    assert "Gone" in browser.page("/views")


def test_a_view_is_kept_however_old_and_its_deletion_for_a_year(world):
    world.put("desk-views", view("Fraud", "ada", 1), key=b"queue/fraud")
    world.put("desk-views", view("Spam", "ada", 1), key=b"queue/spam")
    world.put("desk-views", None, key=b"queue/spam")
    for now, rows in ((LATER_MS + 364 * DAY, 2), (LATER_MS + 366 * DAY, 1)):
        with transaction(world.writer):
            prune(world.writer, now)
        assert world.writer.execute("SELECT count(*) FROM desk_view").fetchone() == (rows,)
    assert own_views(world.database.reader(), "ada") == []
    assert [each.view.name for each in all_queues(world.database.reader())] == ["Fraud"]


def test_a_golden_example_is_what_a_console_writes_and_reads(world):
    world.put_examples("desk-views")
    assert {each.view.name for each in all_queues(world.database.reader())} == {
        "Fraud, level 2", "Kindersicherheit, niemand arbeitet daran",
    }  # fmt: skip
    assert [each.view.name for each in own_views(world.database.reader(), "desk-7f3a")] == [
        "Überfällig in DE"
    ]


def test_a_filter_is_said_in_words_and_names_of_others_as_they_are():
    shown = DeskFilter(
        category="threat_to_life", policy="a_policy", channel="c_1", assignee="ben_2", to_sign="yes"
    )
    assert (
        filter_words(shown)
        == "category Threat to life, policy a_policy, channel c_1, worked on by ben_2, to sign"
    )
    assert filter_words(DeskFilter(group="STATEMENT_CATEGORY_SELF_HARM")) == "area Self-harm"
    assert filter_words(DeskFilter()) == "everything that waits"


def test_the_form_is_filled_to_change_a_queue(world):
    saved(world.browser(), "Fraud", "category=fraud&level=2", kind="queue", hours="24", percent="90")
    browser = world.browser()
    (address,) = re.findall(r'<a href="(/views\?[^"]+)">Change</a>', browser.page("/views"))
    page = browser.page(unescape(address))
    assert hidden_fields(page, "/save-view")["level"] == "2"
    for value in ("Fraud", "24", "90"):
        assert f'value="{value}"' in page
    assert '<option value="queue" selected>' in page
