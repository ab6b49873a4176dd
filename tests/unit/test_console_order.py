"""The order of the desk and the numbers in the navigation, against what a loop over all cases says."""

import random
import re
from html import unescape

import pytest

from streams.contract.wire.times import DAY, HOUR, MINUTE, moment_ms
from streams.desk.console.read_model import paging
from streams.desk.console.read_model.desk import query as desk_query
from streams.desk.console.read_model.desk.category_order import CategoryOrder, order_of
from streams.desk.console.read_model.desk.filter import DeskFilter
from streams.desk.console.read_model.desk.query import (
    counts,
    desk_page,
    desk_rows,
    requests_due,
    total,
    work_counts,
)
from streams.contract.wire.envelope import rfc3339
from streams.registry.categories import built_in_categories
from tests.categories import CATEGORIES
from tests.unit.console_pages import World, clock_ms, example, lead, text_of, opened
from tests.unit.test_console_acts import DISMISSED, act
from tests.unit.test_console_desk import rows

NOW = moment_ms("2026-11-24T12:00:00Z")
RULES = built_in_categories()
LIFE_AND_CHILDREN = {"csam", "csam_synthetic", "grooming", "threat_to_life", "self_harm"}
SOME = ("csam", "threat_to_life", "self_harm", "terrorism", "ncii", "fraud", "hate", "spam")
NARROW = frozenset(CATEGORIES) - {"csam", "fraud"}
PEOPLE = [
    lead("lead-1"),
    lead("desk-1", role="desk"),
    lead("legal-1", role="legal"),
    lead("liaison-1", role="authority_liaison"),
    lead("reader-1", role="read_only"),
    lead("narrow-1", categories=NARROW),
    lead("narrow-2", role="authority_liaison", categories=NARROW),
]
SHOWN = [
    DeskFilter(),
    DeskFilter(category="fraud"),
    DeskFilter(clock="overdue"),
    DeskFilter(clock="running"),
    DeskFilter(clock="none"),
    DeskFilter(level=2),
    DeskFilter(country="DE"),
    DeskFilter(assignee="nobody"),
    DeskFilter(assignee="lead-1"),
    DeskFilter(assignee="legal-1", clock="overdue"),
    DeskFilter(to_sign="yes"),
    DeskFilter(to_sign="yes", category="hate"),
    DeskFilter(listed="snoozed"),
    DeskFilter(listed="decided"),
    DeskFilter(listed="all"),
    DeskFilter(at_stake="children"),
    DeskFilter(at_stake="life"),
    DeskFilter(at_stake="children", listed="all", country="DE"),
    DeskFilter(at_stake="life", to_sign="yes"),
    DeskFilter(at_stake="life", assignee="nobody", level=2),
    DeskFilter(escalated="yes"),
    DeskFilter(integrity="suspected", listed="all"),
    DeskFilter(policy="other"),
    DeskFilter(group="STATEMENT_CATEGORY_PROTECTION_OF_MINORS"),
]
CHOICES = {
    "listed": ("waiting", "waiting", "snoozed", "decided", "all"),
    "category": (None, None, None, "csam", "fraud", "threat_to_life"),
    "group": (None, None, None, None, "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"),
    "at_stake": (None, None, "children", "life"),
    "policy": (None, None, None, "other"),
    "country": (None, None, None, "DE", "de"),
    "assignee": (None, None, "nobody", "lead-1", "legal-1"),
    "level": (None, None, 2),
    "clock": (None, None, "running", "overdue", "none"),
    "integrity": (None, None, None, "suspected"),
    "escalated": (None, None, None, "yes"),
    "to_sign": (None, None, None, "yes"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Cases and requests of all kinds. Who works on them and what was proposed is put into their rows."""
    chance = random.Random(8)
    with World(tmp_path_factory.mktemp("order")) as world:
        clock = example("escalations", "opened-clock-armed")["clock"]
        for number in range(120):
            category, level = chance.choice(SOME), chance.randint(1, 4)
            points = {
                name: chance.choice((0, 0, 1, 5)) for name in ("clock", "level", "risk", "voices", "age")
            }
            fields = {
                "category": category,
                "level": level,
                "priority": {"value": sum(points.values()), "components": points},
                "channel_ref": f"channel-{number}",
                "dsa_category": RULES[category].dsa_category,
            }
            if chance.random() < 0.3:
                fields["policy"] = "other"
            if chance.random() < 0.5:
                world.put_case(f"e-{number}", **fields)
            else:
                due = rfc3339(NOW + chance.randint(-4, 40) * HOUR)
                world.put_clock(
                    f"c-{number}", clock=clock | {"clock_id": f"c-{number}", "due_at": due}, **fields
                )
        for number in range(40):
            due = rfc3339(NOW + chance.randint(-4, 40) * HOUR)
            clocks = [
                each | {"due_at": due} for each in example("authority-routing", "removal-order")["clocks"][:1]
            ]
            ids = [each | {"clock_id": f"r-{number}-0"} for each in clocks]
            world.put_request(f"r-{number}", clocks=ids, category=chance.choice((*SOME, None)))
        for table, key in (("desk_row", "escalation_id"), ("request_row", "request_id")):
            for (name,) in world.writer.execute(f"SELECT {key} FROM {table} ORDER BY 1").fetchall():
                set_work(world, table, key, name, chance)
        yield world


def set_work(world, table, key, name, chance):
    proposer = chance.choice((None, None, None, "lead-1", "ben"))
    work = {
        "assignee": (assignee := chance.choice((None, None, "lead-1", "legal-1"))),
        "claimed_until_ms": None if assignee is None else NOW + chance.choice((-HOUR, HOUR)),
        "snoozed_until_ms": chance.choice((None, None, None, NOW + HOUR, NOW)),
        "proposer": proposer,
        "state": "open" if proposer is None else "proposed",
    }
    if table == "request_row":
        work["sets_aside"] = proposer is not None and chance.random() < 0.5
    elif chance.random() < 0.15:
        work |= {"state": "decided", "waits": 0}
    if table == "desk_row":
        work |= {"escalated": chance.random() < 0.3, "integrity": chance.choice(("", "brigade"))}
    pairs = ", ".join(f"{column} = :{column}" for column in work)
    world.writer.execute(f"UPDATE {table} SET {pairs} WHERE {key} = :key", work | {"key": name})


def everything(world):
    """Every row with its subject and id, as dictionaries."""
    reader = world.database.reader()
    for subject, table, key in (
        ("escalation", "desk_row", "escalation_id"),
        ("request", "request_row", "request_id"),
    ):
        for row in reader.execute(f"SELECT * FROM {table}"):
            yield {"case_id": row[key]} | dict(row) | {"subject": subject}


def belongs(row, shown, person):
    """Whether a view that a person looks at shows a row."""
    held = row["assignee"] is not None and row["claimed_until_ms"] > NOW
    snoozed = row["snoozed_until_ms"] is not None and row["snoozed_until_ms"] > NOW
    due = row["due_ms"]
    if row["category"] is not None and row["category"] not in person.categories:
        return False
    if row["subject"] == "request":
        if person.role not in ("authority_liaison", "legal", "lead") or shown.listed != "waiting":
            return False
        if not row["waits"] or any(
            (shown.level, shown.group, shown.policy, shown.integrity, shown.escalated)
        ):
            return False
        if shown.clock == "none":
            return False
        if shown.to_sign is None and snoozed:
            return False
        if not (shown.to_sign or shown.assignee) and (due is None or due > NOW + DAY):
            return False
        if row["sets_aside"] and shown.to_sign and person.role != "legal":
            return False
        if shown.country is not None and shown.country.upper() != row["country"]:
            return False
    else:
        listed = "all" if shown.to_sign else shown.listed
        if not {
            "waiting": row["waits"] and not snoozed,
            "snoozed": row["waits"] and snoozed,
            "decided": row["state"] == "decided",
            "all": True,
        }[listed]:
            return False
        if shown.to_sign and person.role in ("read_only", "authority_liaison"):
            return False
        if shown.country is not None and shown.country.upper() not in row["jurisdictions"].split():
            return False
        if shown.group not in (None, row["category_group"]) or shown.policy not in (None, row["policy"]):
            return False
        if (shown.escalated and not row["escalated"]) or (shown.integrity and not row["integrity"]):
            return False
        if shown.level is not None and row["level"] < shown.level:
            return False
    rules = RULES.get(row["category"])
    at_stake = {"children": rules and rules.child_safety, "life": rules and rules.endangers_life, None: True}
    return bool(
        at_stake[shown.at_stake]
        and (shown.category in (None, row["category"]))
        and (shown.assignee is None or (row["assignee"] if held else "nobody") == shown.assignee)
        and (shown.to_sign is None or row["proposer"] not in (None, person.ref))
        and {
            None: True,
            "overdue": due is not None and due <= NOW,
            "running": due is not None and due > NOW,
            "none": due is None,
        }[shown.clock]
    )


def rank(row):
    """Life and children, what is due, level, severity, priority; from what the rows say in words."""
    due = float("inf") if row["due_ms"] is None else row["due_ms"]
    severity = 0 if row["category"] is None else RULES[row["category"]].severity
    first = row["category"] not in LIFE_AND_CHILDREN
    return first, due, -row.get("level", 0), -severity, -row.get("priority", 0), row["case_id"]


def expected(world, shown, person):
    return [
        each["case_id"]
        for each in sorted(filter(lambda row: belongs(row, shown, person), everything(world)), key=rank)
    ]


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.ref)
@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: str(shown.parameters()))
def test_rows_are_what_a_loop_over_all_cases_finds_in_their_order(world, monkeypatch, shown, person):
    # Short pages: their ends fall between cases and requests.
    monkeypatch.setattr(paging, "PAGE_ROWS", 7)
    monkeypatch.setattr(desk_query, "PAGE_ROWS", 7)
    reader, found, after = world.database.reader(), [], None
    while True:
        rows, after = desk_page(reader, shown, person, NOW, after)
        found += [row["case_id"] for row in rows]
        if after is None:
            break
        assert len(rows) == 7
    assert found == expected(world, shown, person)
    assert counts(reader, shown, person, NOW).total == total(reader, shown, person, NOW) == len(found)


def test_any_combination_of_filters_finds_what_a_loop_finds(world):
    chance, reader, found = random.Random(11), world.database.reader(), 0
    for _ in range(600):
        shown = DeskFilter(**{name: chance.choice(values) for name, values in CHOICES.items()})
        person = chance.choice(PEOPLE)
        wanted = expected(world, shown, person)
        rows = desk_page(reader, shown, person, NOW).rows
        assert [row["case_id"] for row in rows] == wanted[: len(rows)], (shown, person)
        assert total(reader, shown, person, NOW) == len(wanted), (shown, person)
        found += bool(wanted)
    assert found > 100


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.ref)
@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: str(shown.parameters()))
def test_rows_by_their_ids_say_whether_the_view_has_them(world, shown, person):
    reader = world.database.reader()
    ids = [each["case_id"] for each in everything(world)]
    found = [
        row
        for at in range(0, len(ids), paging.PAGE_ROWS)
        for row in desk_rows(reader, ids[at : at + paging.PAGE_ROWS], shown, person, NOW)
    ]
    assert {each.row["case_id"] for each in found if each.in_view} == set(expected(world, shown, person))
    answers = person.role in ("authority_liaison", "legal", "lead")
    assert {each.row["case_id"] for each in found} == {
        row["case_id"]
        for row in everything(world)
        if (row["category"] is None or row["category"] in person.categories)
        and (row["subject"] == "escalation" or answers)
    }


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.ref)
def test_the_numbers_are_those_of_the_lists_that_they_lead_to_and_of_nobody_elses(world, person):
    found = {each.name: each.waits for each in work_counts(world.database.reader(), person, NOW)}
    lists = {"overdue": DeskFilter(clock="overdue")}
    if person.role != "read_only":
        lists |= {"to sign": DeskFilter(to_sign="yes"), "mine": DeskFilter(assignee=person.ref)}
    lists |= {"children": DeskFilter(at_stake="children"), "threats": DeskFilter(at_stake="life")}
    wanted = {name: len(expected(world, shown, person)) for name, shown in lists.items()}
    if person.role in ("authority_liaison", "legal", "lead"):
        due = [row for row in everything(world) if row["subject"] == "request"]
        wanted["requests due"] = sum(belongs(row, DeskFilter(), person) for row in due)
        assert wanted["requests due"] > 0
    assert found == wanted


def test_whatever_is_missing_in_the_world_would_prove_nothing(world):
    for shown in SHOWN:
        assert expected(world, shown, PEOPLE[0]), shown
    assert {
        row["subject"] for row in everything(world) if belongs(row, DeskFilter(to_sign="yes"), PEOPLE[2])
    } == {
        "escalation",
        "request",
    }


def test_life_and_children_are_told_by_what_categories_say(world):
    reader = world.database.reader()
    orders = {category: order_of(reader, category) for category in CATEGORIES}
    assert {category for category, order in orders.items() if order.first == 0} == LIFE_AND_CHILDREN
    assert orders["fraud"] == CategoryOrder(1, -550_000)
    assert order_of(reader, None) == order_of(reader, "x_of_another_console") == CategoryOrder(1, 0)


def test_a_threat_to_life_is_above_what_a_crowd_reports(tmp_path):
    with World(tmp_path) as world:
        world.put_case("crowd", category="fraud", level=9)
        world.put_clock("clock", category="ncii_deepfake")
        world.put_case("threat", category="threat_to_life", level=1)
        page = world.browser().page("/desk")
        assert list(rows(page)) == ["threat", "clock", "crowd"]
        headings = re.findall(r'scope="rowgroup">([^<]+)<', page)
        assert headings == ["life and children", "overdue", "no clock"]


def put_due_request(world, name, left_ms, **fields):
    clocks = example("authority-routing", "removal-order")["clocks"][:1]
    due = rfc3339(clock_ms() + left_ms)
    world.put_request(name, clocks=[clocks[0] | {"clock_id": f"{name}-0", "due_at": due}], **fields)


def numbers(page):
    return {
        unescape(name): (unescape(address), int(waits))
        for address, name, waits in re.findall(
            r'<a href="([^"]+)"[^>]* data-work="([^"]+)">[^<]*<b>(\d+)</b>', page
        )
    }


def test_a_request_stands_among_cases_for_who_may_answer_it(tmp_path):
    with World(tmp_path) as world:
        world.put_case("e-1", category="fraud")
        put_due_request(world, "r-soon", 39 * MINUTE, category="terrorism")
        put_due_request(world, "r-later", 25 * HOUR)
        page = world.browser(lead("legal-1", role="legal")).page("/desk")
        assert list(rows(page)) == ["r-soon", "e-1"]
        assert '<a class="case" href="/requests/r-soon"' in page
        assert "2 waiting" in text_of(page)
        assert numbers(page)["requests due"] == ("/requests", 1)
        # It can be claimed from there, and is then one's own.
        browser = world.browser(lead("legal-1", role="legal"))
        act(browser, "/requests/r-later", "claimed")
        assert numbers(browser.page("/desk"))["mine"] == ("/desk?assignee=legal-1", 1)
        assert list(rows(browser.page("/desk?assignee=legal-1"))) == ["r-later"]
        for role in ("desk", "read_only"):
            page = world.browser(lead("other", role=role)).page("/desk")
            assert list(rows(page)) == ["e-1"]
            assert "requests due" not in numbers(page)


def test_what_was_proposed_is_to_be_signed_by_others_also_if_it_takes_a_decision_back(tmp_path):
    with World(tmp_path) as world:
        event = example("escalations", "opened-threshold-crossed")
        gate = event["rule_of_law"] | {"decision": "two_person_review"}
        world.put_case("e-1", category="hate", rule_of_law=gate)
        anna, ben = world.browser(lead("anna")), world.browser(lead("ben"))
        act(anna, "/cases/e-1", "decided", **DISMISSED)

        def to_sign(browser):
            return browser.get("/work").json()["to sign"]

        assert (to_sign(anna), to_sign(ben)) == (0, 1)
        assert to_sign(world.browser(lead("far", categories=NARROW - {"hate"}))) == 0
        assert "to sign" not in world.browser(lead("reader", role="read_only")).get("/work").json()
        assert list(rows(ben.page("/desk?to_sign=yes"))) == ["e-1"]
        world.writer.execute(
            "UPDATE desk_row SET state = 'decided', waits = 0, decision = 'upheld', "
            "decision_reason = 'phishing', decided_by = 'x', decided_ms = 1"
        )
        assert (to_sign(anna), to_sign(ben)) == (0, 1)
        assert "second person" in text_of(ben.page("/desk?to_sign=yes"))


def test_every_whole_page_has_the_numbers_and_parts_of_pages_count_nothing(tmp_path):
    with World(tmp_path) as world:
        world.put_clock("c-1", category="fraud")
        browser = world.browser()
        for path in ("/desk", "/cases/c-1", "/clocks", "/requests", "/health", "/cases/none"):
            page = browser.get(path).text
            assert numbers(page)["overdue"] == ("/desk?clock=overdue", 1), path
        assert numbers(browser.page(f"/desk/rows?ids={world.case_id('c-1')}")) == {}


def test_the_numbers_read_no_more_rows_than_they_count(world):
    reader = world.database.reader()

    class Explaining:
        plans = []

        def execute(self, statement, values=()):
            plan = reader.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            self.plans += [row[3] for row in plan if "desk_row" in row[3]]
            return reader.execute(statement, values)

    list(work_counts(Explaining(), PEOPLE[5], NOW))
    indexes = [re.search(r"INDEX (\w+)", plan)[1] for plan in Explaining.plans]
    assert indexes == ["desk_overdue", "desk_to_sign", "desk_held", "desk_counts", "desk_counts"]


def test_a_number_that_is_always_zero_for_a_person_is_left_out(world):
    person = lead("far", categories=frozenset(CATEGORIES) - LIFE_AND_CHILDREN - {"terrorism"})
    names = [each.name for each in work_counts(world.database.reader(), person, NOW)]
    assert names == ["overdue", "to sign", "mine", "requests due"]


def test_nobody_else_is_told_of_requests_that_are_due(world):
    assert requests_due(world.database.reader(), lead("desk-1", role="desk"), NOW) == 0


def test_a_file_of_other_severities_is_made_again(tmp_path):
    with World(tmp_path) as world:
        world.put_case("e-1")
        world.writer.close()
        graver = dict(RULES)
        graver["spam"], graver["fraud"] = RULES["fraud"], RULES["spam"]
        world.writer = opened(world.database, graver)
        assert world.writer.execute("SELECT count(*) FROM desk_row").fetchone() == (0,)
        assert order_of(world.writer, "spam").severity == -550_000
