"""How many cases of a queue were decided within its target: as a plain count says, and about nobody alone."""

import csv
import io
import random
from datetime import timedelta
from itertools import combinations

import pytest

from streams.contract.events.desk_view import QueueTarget
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY, HOUR, MINUTE, from_epoch_ms, midnight_ms
from streams.desk.console.read_model.desk.filter import DeskFilter
from streams.desk.console.read_model.desk.query import cases_opened
from streams.desk.console.read_model.figures.case_histories import CaseHistory, Decision
from streams.desk.console.read_model.figures.queue_figures import MeasuredQueue, QueueFigures, queue_figures
from tests.categories import CATEGORIES
from tests.unit.console_pages import World, clock_ms, example, lead, text_of

DAY_OF_TEST = from_epoch_ms(20_000 * DAY).date()
BEGIN = midnight_ms(DAY_OF_TEST)
TARGET = QueueTarget(4, 80)
PEOPLE = ("ada", "ben", "cho", "dee")


def case(name, opened_ms, *decisions):
    """A case, and its decisions as so many hours after its opening, with who decided."""
    history = CaseHistory(name, "fraud", "fraud", opened_ms)
    history.decisions = [
        Decision(opened_ms + round(hours * HOUR), "dismissed", frozenset(people), replaces=False)
        for hours, *people in decisions
    ]
    return history


def queue(name, cases, saved_ms=BEGIN - 1, target=TARGET):
    return MeasuredQueue(name, target, saved_ms, frozenset(cases))


def plain_count(one, queues, histories, now_ms):
    """The figures of a queue by a look at each case, and at each sum and difference of queues."""
    opened = in_time = still = 0
    for each in histories:
        if each.escalation_id not in one.cases or not BEGIN <= each.opened_ms < BEGIN + DAY:
            continue
        opened += 1
        waited = [said.at_ms - each.opened_ms for said in each.decisions]
        if waited:
            in_time += min(waited) <= one.target.hours * HOUR
        else:
            still += now_ms - each.opened_ms <= one.target.hours * HOUR
    return opened, in_time, still


def parts(queues, histories):
    """The people behind each part that is in some queues and in no other, where anybody decided."""
    names = [each.name for each in queues]
    for number in range(1, len(names) + 1):
        for chosen in combinations(names, number):
            people = set()
            for each in histories:
                inside = {one.name for one in queues if each.escalation_id in one.cases}
                if inside == set(chosen) and BEGIN <= each.opened_ms < BEGIN + DAY and each.decisions:
                    people |= min(each.decisions, key=lambda said: said.at_ms).people
            yield set(chosen), people


@pytest.mark.parametrize("seed", range(40))
def test_the_figures_are_those_of_a_plain_count_and_hide_every_part_of_fewer_than_three(seed):
    chance = random.Random(seed)
    histories = [
        case(
            f"e-{number}",
            BEGIN + chance.randrange(-2 * HOUR, DAY + 2 * HOUR),
            *[
                (chance.choice((0, 1, 4, 4.001, 9)), *chance.sample(PEOPLE, chance.randint(1, 2)))
                for _ in range(chance.choice((0, 1, 1, 2)))
            ],
        )
        for number in range(chance.choice((3, 12, 60)))
    ]
    queues = [
        queue(
            f"q-{number}",
            [each.escalation_id for each in histories if chance.random() < 0.7],
            chance.choice((BEGIN - 1, BEGIN - 9 * DAY, BEGIN, BEGIN + HOUR)),
            QueueTarget(chance.choice((1, 4, 9)), 80),
        )
        for number in range(3)
    ]
    now_ms = BEGIN + chance.randrange(DAY + 6 * HOUR)
    histories = [each for each in histories if each.opened_ms <= now_ms]
    found = {each.name: each for each in queue_figures(DAY_OF_TEST, queues, histories, now_ms)}
    measured = [each for each in queues if each.saved_ms < BEGIN]
    assert found.keys() == {each.name for each in measured}
    hidden = set()
    for chosen, people in parts(measured, histories):
        if 0 < len(people) < 3:
            hidden |= chosen
    for one in measured:
        opened, in_time, still = plain_count(one, measured, histories, now_ms)
        percent = round(100 * in_time / (opened - still)) if opened > still else None
        expected = ("hidden", "hidden") if one.name in hidden else (in_time, percent)
        assert found[one.name] == QueueFigures(one.name, one.target, opened, *expected, still)


def test_a_difference_of_two_queues_tells_nothing_of_one_person():
    """Both queues have three people and more; what the larger has beside the smaller one is of a single one."""
    small = [case(f"e-{each}", BEGIN, (1, each)) for each in PEOPLE[:3]]
    alone = case("alone", BEGIN, (9, "dee"))
    smaller = queue("smaller", [each.escalation_id for each in small])
    larger = queue("larger", [each.escalation_id for each in (*small, alone)])
    now_ms = BEGIN + DAY
    (only,) = queue_figures(DAY_OF_TEST, [larger], [*small, alone], now_ms)
    assert (only.opened, only.in_time, only.percent) == (4, 3, 75)
    both = {
        each.name: each for each in queue_figures(DAY_OF_TEST, [smaller, larger], [*small, alone], now_ms)
    }
    assert both["larger"].in_time == both["larger"].percent == "hidden"
    assert both["smaller"].in_time == 3


def test_a_queue_in_which_nobody_decided_hides_nothing():
    histories = [case("late", BEGIN), case("waits", BEGIN + 20 * HOUR)]
    (found,) = queue_figures(DAY_OF_TEST, [queue("q", ["late", "waits"])], histories, BEGIN + 21 * HOUR)
    assert found == QueueFigures("q", TARGET, 2, 0, 0, 1)


def test_a_queue_without_cases_has_no_share():
    (found,) = queue_figures(DAY_OF_TEST, [queue("q", [])], [], BEGIN)
    assert found == QueueFigures("q", TARGET, 0, 0, None, 0)


# A page, with a desk of today.

NOW = clock_ms()
TODAY = from_epoch_ms(NOW).date()


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as world:
        yield world


def put_queue(world, name, given, hours=4, percent=80, saved_ms=NOW - 9 * DAY):
    value = {
        "name": name, "kind": "queue", "filter": given, "saved_by": {"ref": "lead-1", "role": "lead"},
        "saved_at": rfc3339(saved_ms), "target": {"hours": hours, "percent": percent},
    }  # fmt: skip
    world.put("desk-views", value, key=f"queue/{name.casefold()}".encode())


def put_decided(world, name, opened_ms, hours, person, **fields):
    event = world.put_case(name, at=rfc3339(opened_ms), **fields)
    outcome = {
        "outcome_id": f"o-{name}",
        "subject": {"kind": "escalation", "channel_ref": event["channel_ref"], "escalation_id": name},
        "decision": "dismissed",
        "category": event["category"],
        "ground": {"kind": "terms", "rule": "t-1"},
        "reason": "not_a_violation",
        "decided_at": rfc3339(opened_ms + round(hours * HOUR)),
        "reviewer": {"ref": person, "role": "desk"},
        "confidence": "one_reviewer",
    }
    world.put("moderation-outcomes", outcome)


def put_yesterday(world):
    begin = midnight_ms(TODAY) - DAY
    for number, person in enumerate((*PEOPLE[:3], "ada")):
        put_decided(
            world, f"e-{number}", begin + MINUTE, 1 if number else 9, person, category="fraud", level=2
        )
    world.put_case("late", at=rfc3339(begin), category="fraud", level=2)
    put_decided(world, "other", begin, 1, "ada", category="hate")


def test_the_page_and_the_file_say_what_was_decided_in_time(world):
    put_yesterday(world)
    put_queue(world, "Fraud", {"category": "fraud", "level": "2"})
    put_queue(world, "Hate", {"category": "hate"})
    put_queue(world, "New", {"category": "fraud"}, saved_ms=midnight_ms(TODAY) - DAY + 1)
    yesterday = TODAY - timedelta(days=1)
    browser = world.browser()
    words = text_of(browser.page(f"/figures?day={yesterday}"))
    assert "Fraud 80 % in 4 h 5 3 60 missed 0" in words
    assert "Hate 80 % in 4 h 1 hidden hidden 0" in words
    assert "New 80" not in words
    assert "New 80 % in 4 h 0 0 none 0" in text_of(browser.page("/figures"))
    rows = list(csv.reader(io.StringIO(browser.get(f"/figures.csv?day={yesterday}").text)))
    assert [str(yesterday), "queue_in_time", "", "", "", "", "Fraud", "3"] in rows
    assert [str(yesterday), "queue_percent", "", "", "", "", "Hate", "hidden"] in rows


def test_a_lead_sees_queues_and_cases_of_their_categories_alone(world):
    put_yesterday(world)
    put_queue(world, "Fraud", {"category": "fraud"})
    put_queue(world, "From 1", {"level": "1"})
    narrow = world.browser(lead("narrow", categories=frozenset({"hate"})))
    words = text_of(narrow.page(f"/figures?day={TODAY - timedelta(days=1)}"))
    assert "Fraud 80" not in words
    assert "From 1 80 % in 4 h 1 hidden hidden 0" in words


def test_without_a_target_nothing_is_counted(world):
    put_yesterday(world)
    assert "No queue had a target when the day began." in text_of(world.browser().page("/figures"))


def test_the_cases_of_a_queue_are_those_of_its_filter_whatever_became_of_them(world):
    put_yesterday(world)
    world.put(
        "escalations", example("escalations", "resolved-cleared") | {"escalation_id": "late", "sequence": 9}
    )
    reader, person = world.database.reader(), lead()
    begin = midnight_ms(TODAY) - DAY

    def ids(**fields):
        return cases_opened(reader, DeskFilter(**fields), person, begin, begin + DAY)

    assert {"e-0", "e-1", "e-2", "e-3"} <= ids(category="fraud", level=2)
    assert ids(category="hate") == {"other"}
    assert ids(at_stake="children") == frozenset()
    assert cases_opened(reader, DeskFilter(), person, begin + DAY, begin + 2 * DAY) == frozenset()
    assert cases_opened(
        reader, DeskFilter(), lead(categories=frozenset(CATEGORIES) - {"hate"}), begin, begin + DAY
    ).isdisjoint({"other"})
