"""Lists of the console: page after page, the filters in addresses, and how policies compare."""

import json
import sqlite3

import pytest

from streams.desk.console.read_model.clocks_query import ClockFilter, clock_row, clocks_page
from streams.desk.console.read_model.desk.filter import DeskFilter
from streams.desk.console.read_model.desk.query import desk_page
from streams.desk.console.read_model.integrity import IntegrityFilter, integrity_page
from streams.desk.console.read_model.questions import QuestionFilter, questions_page
from streams.desk.console.read_model.paging import PAGE_ROWS, BadFilter
from streams.desk.console.read_model.policies_query import Pair, policy_days, policy_pairs
from streams.desk.console.read_model.requests_query import RequestFilter, requests_page
from tests.categories import CATEGORIES
from tests.unit.console_pages import World, example, lead

ALL = frozenset(CATEGORIES)
MANY = 2 * PAGE_ROWS + 50


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("console")) as world:
        for number in range(MANY):
            # Some are due at the same moment.
            due = f"2026-11-24T{number % 20:02}:00:00.000Z"
            clock = example("escalations", "opened-clock-armed")["clock"]
            world.put_clock(
                f"c-{number}",
                clock=clock | {"clock_id": f"c-{number}", "due_at": due},
                channel_ref=f"channel-{number}",
            )
            world.put_request(f"r-{number}", clocks=[])
            world.put(
                "integrity-cases",
                example("integrity-cases", "brigade") | {"case_id": f"i-{number}", "at": due},
            )
            world.put(
                "review-questions",
                example("review-questions", "asked") | {"question_id": f"q-{number}", "due_at": due},
            )
        yield world


@pytest.fixture
def reader(world):
    return world.database.reader()


def pages(ask):
    after, found = None, []
    while True:
        page = ask(after)
        rows, after = page
        found.append(rows)
        if after is None:
            return found


def test_clocks_are_listed_once_each_in_the_order_of_their_due_times(reader):
    found = pages(lambda after: clocks_page(reader, ClockFilter(), ALL, 0, after))
    assert [len(rows) for rows in found] == [PAGE_ROWS, PAGE_ROWS, 50]
    rows = [row for page in found for row in page]
    assert len({row["clock_id"] for row in rows}) == MANY
    assert [row["due_ms"] for row in rows] == sorted(row["due_ms"] for row in rows)


def test_requests_are_listed_once_each(reader):
    found = pages(lambda after: requests_page(reader, RequestFilter(), ALL, after))
    assert len({row["request_id"] for page in found for row in page}) == MANY


def test_integrity_cases_are_listed_once_each_the_newest_first(reader):
    found = pages(lambda after: integrity_page(reader, IntegrityFilter(), after))
    cases = [case.found for page in found for case in page]
    assert len({case.case_id for case in cases}) == MANY
    assert [case.at for case in cases] == sorted((case.at for case in cases), reverse=True)


def test_questions_are_listed_once_each_the_one_due_first_at_the_top(reader):
    found = pages(lambda after: questions_page(reader, QuestionFilter(), ALL, after))
    assert [len(rows) for rows in found] == [PAGE_ROWS, PAGE_ROWS, 50]
    due = [each.due_at for page in found for each in page]
    assert due == sorted(due)


@pytest.mark.parametrize("path", ["/clocks", "/requests", "/questions", "/integrity"])
def test_a_page_leads_to_the_next_one(world, path):
    browser = world.browser(lead())
    page = browser.page(path)
    following = page.partition(">The next ones<")[0].rpartition('href="')[2].rstrip('"').replace("&amp;", "&")
    assert following.startswith(f"{path}?after=")
    assert page != browser.page(following)


@pytest.mark.parametrize("after", ["x", "[]", "[1]", '[1, "a", 2]', '[null, "a"]', f'[{1 << 70}, "a"]', "{}"])
def test_a_place_that_no_page_said_is_refused(reader, after):
    with pytest.raises(BadFilter):
        clocks_page(reader, ClockFilter(), ALL, 0, after)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (ClockFilter, {"subject": "report", "duty": "d", "status": "paused", "due": "24 h", "key": "k"}),
        (
            RequestFilter,
            {
                "listed": "all",
                "country": "DE",
                "decision": "refused",
                "gate": "human_review",
                "kind": "removal_order",
            },
        ),
        (IntegrityFilter, {"kind": "misuse"}),
    ],
)
def test_a_filter_is_what_its_address_says(kind, given):
    assert kind.of(given).parameters() == given
    assert kind.of({}).parameters() == {}
    assert kind.of({"unknown": "x"}) == kind()


def test_a_country_may_be_written_in_small_letters():
    assert RequestFilter.of({"country": "de"}).country == "DE"


def position(shown):
    columns = {"channel": ["channel-1"], "category": ["X"]}.get(shown.by, [])
    return json.dumps([*columns, 1, 1, -1, -550_000, -50, "e-1"])


def test_the_usual_lists_need_no_sorting(reader):
    def explained(statement, values):
        return [row[3] for row in reader.execute(f"EXPLAIN QUERY PLAN {statement}", values)]

    class Explaining:
        def execute(self, statement, values):
            self.plan = explained(statement, values)
            return reader.execute(statement, values)

    asked = Explaining()
    clocks_page(asked, ClockFilter(), ALL, 0)
    assert [step for step in asked.plan if "TEMP B-TREE" in step] == []
    requests_page(asked, RequestFilter(), ALL)
    assert [step for step in asked.plan if "TEMP B-TREE" in step] == []
    integrity_page(asked, IntegrityFilter())
    questions_page(asked, QuestionFilter(), ALL)
    assert [step for step in asked.plan if "TEMP B-TREE" in step] == []
    # As everybody but who sees all categories, who needs no condition for them.
    some = lead(role="desk", categories=ALL - {"csam"})
    for shown in (
        DeskFilter(),
        DeskFilter(by="channel"),
        DeskFilter(by="category"),
        DeskFilter(category="fraud"),
    ):
        for after in (None, position(shown)):
            desk_page(asked, shown, some, 0, after)
            assert [step for step in asked.plan if "TEMP B-TREE" in step] == []
            # The list, and whether another row of the case is more urgent.
            reading, ahead = [step for step in asked.plan if "desk_row" in step]
            assert "USING INDEX" in reading
            assert "(case_id=?" in ahead


def test_a_clock_whose_case_is_not_known_yet_needs_two_people(tmp_path):
    with World(tmp_path) as world:
        world.put_request("r-1")
        world.writer.execute("DELETE FROM request_row")
        row = clock_row(world.database.reader(), "r-1-0")
        assert isinstance(row, sqlite3.Row)
        assert row["needs_two"] == 1


def test_policies_are_compared_by_days_and_channels(tmp_path):
    with World(tmp_path) as world:
        for number, (policy, mode, channel, day) in enumerate(
            [
                ("fraud", "live", "c-1", "2026-11-20"),
                ("fraud", "live", "c-2", "2026-11-20"),
                ("fraud", "live", "c-3", "2026-11-01"),
                ("fraud-voices", "shadow", "c-2", "2026-11-21"),
                ("fraud-voices", "shadow", "c-4", "2026-11-21"),
                ("other", "shadow", "c-5", "2026-11-21"),
            ]
        ):
            topic = "escalations" if mode == "live" else "escalations-shadow"
            event = example("escalations", "opened-threshold-crossed") | {
                "escalation_id": f"e-{number}", "policy": policy, "mode": mode, "channel_ref": channel,
                "at": f"{day}T10:00:00.000Z",
            }  # fmt: skip
            world.put(topic, event)
            # Workers may write the same event again.
            world.put(topic, event)
        world.put("escalations", example("escalations", "resolved-cleared") | {
            "escalation_id": "e-0", "policy": "fraud", "sequence": 2, "at": "2026-11-22T10:00:00.000Z",
        })  # fmt: skip
        reader = world.database.reader()
        assert policy_pairs(reader, "2026-11-15") == [Pair("fraud", "fraud-voices", 1, 1, 1)]
        fraud, voices, other = policy_days(reader, "2026-11-15")
        assert (fraud.policy, fraud.mode, fraud.total[1:]) == ("fraud", "live", (2, 0, 1))
        assert [day[0] for day in fraud.days] == ["2026-11-22", "2026-11-20"]
        assert (voices.total[1:], other.mode) == ((2, 0, 0), "shadow")
        assert policy_days(reader, "2026-11-01")[0].total.opened == 3
        page = world.browser(lead()).page("/policies?days=30")
        assert "fraud-voices" in page
