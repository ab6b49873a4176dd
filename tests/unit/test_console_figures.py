"""The figures of a day: counted as a plain count over all records does, without anything about one person."""

import csv
import io
import random
from collections import defaultdict
from contextlib import suppress
from datetime import date, timedelta
from math import ceil

import msgspec
import pytest

import streams.desk.console.web.figures as figures_page
from streams.contract.events.case_activity import CaseActivity
from streams.contract.events.desk_member import DeskMember
from streams.contract.events.escalation import Escalation
from streams.contract.events.moderation_outcome import ModerationOutcome
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY, HOUR, epoch_ms, from_epoch_ms, midnight_ms, moment_ms
from streams.desk.console.casework.permissions import Person
from streams.desk.console.casework.work import ActRefused, CaseWork, apply_act
from streams.desk.console.read_model.figures.case_histories import case_histories, second_opinions
from streams.desk.console.read_model.figures.day_figures import (
    AGES,
    FIGURES,
    LEAST_PEOPLE,
    DayFigures,
    CaseGroup,
    day_figures,
    due_clocks,
)
from streams.desk.text.duty_words import duty_title
from tests.categories import CATEGORIES
from tests.unit.console_acts import REASONS, act, act_record, proposed
from tests.unit.console_pages import DUTIES, World, clock_ms, example, lead, text_of
from tests.unit.console_world import Reading, logs_of, written_by_people, written_by_workers
from tests.unit.plain_figures import PlainCount
from tests.unit.traffic import START

ALL = frozenset(CATEGORIES)
NOW = clock_ms()
TODAY = from_epoch_ms(NOW).date()
DUTY = "US.take-it-down.s3"


def counted(reader, days, categories=ALL, now_ms=NOW, is_deadline=lambda duty: True) -> list[DayFigures]:
    first_ms, end_ms = midnight_ms(days[0]), midnight_ms(days[-1]) + DAY
    return day_figures(
        days,
        case_histories(reader, first_ms, categories),
        second_opinions(reader, first_ms, end_ms, categories),
        due_clocks(reader, first_ms, end_ms, categories, is_deadline),
        now_ms,
    )


def compared(reader, days, now_ms) -> set[str]:
    """The names of figures that had a value, after comparing all of them with a plain count."""
    seen = set()
    for categories in (ALL, frozenset({"spam"}), frozenset({"fraud", "spam"})):
        for day, figures in zip(days, counted(reader, days, categories, now_ms), strict=True):
            plain = PlainCount(reader, day, categories, now_ms)
            expected = plain.values()
            assert {name: figures.values[name] for name in expected} == expected, day
            assert figures.dismissed_percent == plain.dismissed_percent()
            for name in ("opened", "decided"):
                assert sum(getattr(each, name) for each in figures.groups.values()) == expected[name]
            assert sum(sum(each.waiting) for each in figures.groups.values()) == expected["waiting"]
            seen |= {name for name, value in expected.items() if value not in (0, None, "hidden")}
            seen |= {"hidden" for value in figures.dismissed_percent.values() if value == "hidden"}
    # What waits now is what the desk says.
    (waits,) = reader.execute("SELECT count(*) FROM desk_row WHERE waits").fetchone()
    *_, last = counted(reader, [from_epoch_ms(now_ms).date()], now_ms=now_ms)
    assert last.values["waiting"] == waits
    return seen


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_figures_of_acts_in_any_order_are_those_of_a_plain_count(tmp_path, seed):
    reading = Reading(tmp_path / "model.sqlite")
    people = written_by_people(random.Random(seed), 300)
    for log in logs_of([*written_by_workers(), *people]).values():
        reading.apply(log)
    days = [from_epoch_ms(START).date() + timedelta(days=number) for number in range(-1, 3)]
    assert "decided" in compared(reading.database.reader(), days, midnight_ms(days[-1]) + DAY)
    reading.close()


@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.slow)])
def test_the_figures_of_a_busy_desk_are_those_of_a_plain_count(world, seed):
    chance = random.Random(seed)
    for number in range(60):
        put_history(world, chance, f"e-{number}", number)
    days = [TODAY - timedelta(days=ago) for ago in (5, 4, 3, 2, 1, 0)]
    seen = compared(world.database.reader(), days, NOW)
    names = {"opened", "decided", "waiting", "median_hours", "p90_hours", "answered", "signed_percent"}
    assert seen == {*names, "replaced", "hidden"}


def put_history(world: World, chance: random.Random, name: str, number: int) -> None:
    """A case of the last week: what people did with it, and what its policy said meanwhile."""
    at_ms = NOW - chance.randrange(1, 7 * DAY)
    category = chance.choice(("spam", "fraud", "ncii"))
    fields = {"category": category, "policy": f"{category}-{chance.choice('ab')}"}
    case_at(world, name, at_ms, **fields)
    work, level = CaseWork(), 1
    for step in range(chance.randrange(8)):
        at_ms += chance.choice((1, HOUR, 9 * HOUR, DAY))
        if at_ms > NOW:
            return
        dice = chance.random()
        if dice < 0.2:
            level += 1
            raised = example("escalations", "updated-level-raised")
            world.put("escalations", raised | fields | {
                "escalation_id": name, "sequence": level, "level": level, "at": rfc3339(at_ms),
            })  # fmt: skip
        elif dice < 0.25:
            world.put("escalations", example("escalations", "resolved-cleared") | fields | {
                "escalation_id": name, "sequence": level + 1, "at": rfc3339(at_ms),
            })  # fmt: skip
            return
        elif dice < 0.3:
            subject = {"kind": "escalation", "channel_ref": "c", "escalation_id": name}
            put_outcome(world, number * 10 + step, "dismissed", "eve", at_ms, subject=subject)
        else:
            held = None if work.decision is None else work.decision.activity_id
            kinds = ["decided", "outcome_proposed", "outcome_proposed", "claimed"]
            if work.proposal is not None:
                kinds = ["proposal_signed", "proposal_signed", "proposal_declined"]
            kind, person = (
                chance.choice(kinds),
                DeskMember(chance.choice(("ada", "ben", "cho", "dan")), "lead"),
            )
            said = proposed(chance.choice(tuple(REASONS)), supersedes=held)
            more = {"proposed": said} if kind in ("decided", "outcome_proposed") else {}
            made = act(number * 10 + step, kind, person, work.version, escalation_id=name, **more)
            made = msgspec.structs.replace(made, at=from_epoch_ms(at_ms))
            with suppress(ActRefused):
                work = apply_act(work, made)
            record = act_record(made, 0)
            world.put("case-activity", record.value, record.key, record.headers)


@pytest.fixture
def world(tmp_path, monkeypatch):
    # Midnight may pass while the tests run.
    monkeypatch.setattr(figures_page, "clock_ms", lambda: NOW)
    with World(tmp_path) as world:
        yield world


def put_act(
    world: World, number: int, kind: str, person: str, version: int, at_ms: int, case: str, **fields
) -> None:
    said = act(number, kind, DeskMember(person, "desk"), version, escalation_id=case, **fields)
    said = msgspec.structs.replace(said, at=from_epoch_ms(at_ms))
    record = act_record(said, 0)
    world.put("case-activity", record.value, record.key, record.headers)


def case_at(world: World, name: str, opened_ms: int, **changes) -> None:
    world.put_case(name, at=rfc3339(opened_ms), **changes)


def today(world: World, categories=ALL) -> DayFigures:
    *_, figures = counted(world.database.reader(), [TODAY], categories)
    return figures


def decide_by(world: World, people: list[str], decision: str = "dismissed") -> None:
    """A decision today by each of these people."""
    for number, person in enumerate(people):
        case_at(world, f"d-{decision}-{number}", NOW - (number + 1) * HOUR)
        put_act(
            world, 100 + number, "decided", person, 0, midnight_ms(TODAY), f"d-{decision}-{number}",
            proposed=proposed(decision),
        )  # fmt: skip


def test_how_people_decided_is_hidden_where_fewer_than_three_did(world):
    decide_by(world, ["ada", "ben"])
    two = today(world)
    assert two.values["decided"] == 2
    assert [two.values[name] for name in ("median_hours", "p90_hours", "replaced")] == ["hidden"] * 3
    assert set(two.dismissed_percent.values()) == {"hidden"}
    decide_by(world, ["cho"], "upheld")
    three = today(world)
    assert "hidden" not in three.values.values()
    assert set(three.dismissed_percent.values()) == {67}


def test_no_decision_is_no_hidden_one(world):
    case_at(world, "e-1", NOW - HOUR)
    values = today(world).values
    assert (values["waiting"], values["decided"]) == (1, 0)
    assert [values[name] for name in ("median_hours", "signed_percent", "agreed_percent", "replaced")] == [
        None
    ] * 4


def test_who_takes_a_proposal_back_is_no_second_person(world):
    case_at(world, "e-1", NOW - 2 * DAY)
    at_ms = midnight_ms(TODAY)
    put_act(world, 1, "outcome_proposed", "ada", 0, at_ms, "e-1")
    put_act(world, 2, "proposal_declined", "ada", 1, at_ms, "e-1")
    assert today(world).values["answered"] == 0
    put_act(world, 3, "outcome_proposed", "ada", 2, at_ms, "e-1")
    put_act(world, 4, "proposal_declined", "ben", 3, at_ms, "e-1")
    put_act(world, 5, "outcome_proposed", "ada", 4, at_ms, "e-1")
    put_act(world, 6, "proposal_signed", "ben", 5, at_ms, "e-1")
    values = today(world).values
    assert (values["answered"], values["decided"], values["signed_percent"]) == (2, 1, "hidden")


def test_waiting_cases_are_counted_by_category_policy_and_age(world):
    category = example("escalations", "opened-threshold-crossed")["category"]
    for number, age_ms in enumerate((HOUR // 2, 2 * HOUR, 9 * HOUR, 2 * DAY, 4 * DAY, 5 * DAY)):
        case_at(world, f"e-{number}", NOW - age_ms)
    *earlier, last = counted(
        world.database.reader(), [TODAY - timedelta(days=ago) for ago in (6, 5, 4, 3, 2, 1, 0)], now_ms=NOW
    )
    (group,) = last.groups
    assert group == CaseGroup(category, "intimate-images")
    assert last.groups[group].waiting == [1, 1, 1, 1, 2]
    assert [day.values["waiting"] for day in earlier[:3]] == [0, 1, 2]
    assert len(AGES) == 5


def test_a_case_that_rose_after_its_decision_waits_again(world):
    case_at(world, "e-1", NOW - 3 * DAY)
    put_act(world, 1, "decided", "ada", 0, NOW - 2 * DAY, "e-1")
    raised = example("escalations", "updated-level-raised") | {
        "escalation_id": "e-1", "sequence": 2, "at": rfc3339(NOW - HOUR), "policy": "intimate-images",
    }  # fmt: skip
    days = [TODAY - timedelta(days=ago) for ago in (3, 2, 1, 0)]
    waiting = [day.values["waiting"] for day in counted(world.database.reader(), days)]
    assert waiting == [1, 0, 0, 0]
    world.put("escalations", raised)
    *_, last = counted(world.database.reader(), days)
    assert last.values["waiting"] == 1


def put_outcome(world: World, number: int, decision: str, person: str, at_ms: int, **fields) -> None:
    """An outcome of another system, about a message if no subject is given."""
    document = example("moderation-outcomes", "binary-message-upheld")
    document.pop("action", None)
    document |= {
        "outcome_id": f"o{number}",
        "subject": {"kind": "message", "channel_ref": "c", "message_ref": "m1"},
        "decision": decision,
        "reason": REASONS[decision],
        "decided_at": rfc3339(at_ms),
        "reviewer": {"ref": person, "role": "desk"},
        **fields,
    }
    world.put("moderation-outcomes", document)


def test_second_opinions_are_compared_with_what_another_person_said_before(world):
    put_outcome(world, 1, "upheld", "ada", NOW - 40 * DAY)
    put_outcome(world, 2, "upheld", "ben", midnight_ms(TODAY))
    assert today(world).values["opinions"] == 0
    put_outcome(world, 3, "upheld", "cho", midnight_ms(TODAY) + 1)
    put_outcome(world, 4, "dismissed", "cho", midnight_ms(TODAY) + 2, supersedes="o3")
    assert (today(world).values["opinions"], today(world).values["agreed_percent"]) == (1, "hidden")
    put_outcome(world, 5, "upheld", "dan", midnight_ms(TODAY) + 3)
    put_outcome(world, 6, "upheld", "dan", midnight_ms(TODAY) + 4, known_answer="upheld")
    assert (today(world).values["opinions"], today(world).values["agreed_percent"]) == (2, 50)
    assert today(world, frozenset({"spam"})).values["opinions"] == 0


def put_clock(world: World, name: str, status: str, elapsed: float, **clock) -> None:
    event = example("escalations", "opened-clock-armed")
    world.put_clock(name, clock=event["clock"] | {
        "clock_id": name, "status": status, "elapsed": elapsed, "due_at": rfc3339(midnight_ms(TODAY) + HOUR), **clock,
    })  # fmt: skip


def test_clocks_are_met_or_missed_on_the_day_on_which_they_were_due(world):
    put_clock(world, "c-1", "fulfilled", 0.7)
    put_clock(world, "c-2", "fulfilled", 1.0)
    put_clock(world, "c-3", "lapsed", 1.0)
    put_clock(world, "c-4", "withdrawn", 0.2)
    put_clock(world, "c-5", "paused", 0.2)
    put_clock(world, "c-6", "fulfilled", 0.1, due_at=rfc3339(midnight_ms(TODAY) + DAY))
    put_clock(world, "c-7", "over", 1.0, not_before=rfc3339(midnight_ms(TODAY) + HOUR))
    found = today(world)
    assert found.clocks == {DUTY: {"met": 1, "missed": 2, "withdrawn": 1, "open": 1}}
    assert (found.values["clocks_due"], found.values["clocks_missed"]) == (5, 2)
    (kept,) = counted(world.database.reader(), [TODAY], now_ms=NOW, is_deadline=lambda duty: duty != DUTY)
    assert kept.clocks == {}
    assert today(world, frozenset({"spam"})).clocks == {}


def test_only_leads_see_the_page_and_its_file(world):
    for role in ("desk", "legal", "authority_liaison", "read_only"):
        browser = world.browser(Person("p-other", role, ALL))
        for path in ("/figures", "/figures.csv"):
            assert "Only leads see the figures" in browser.page(path, 403)
        assert "/figures" not in browser.page("/desk")
    browser = world.browser(lead())
    assert 'href="/figures"' in browser.page("/desk")
    assert "Figures of" in browser.page("/figures")
    assert browser.get("/figures.csv").status_code == 200


def test_nobody_is_told_of_categories_that_are_not_theirs(world):
    case_at(world, "e-1", NOW - HOUR, category="csam", policy="child-safety")
    case_at(world, "e-2", NOW - HOUR, category="spam", policy="spam-flood")
    browser = world.browser(lead(categories=frozenset({"spam"})))
    for answer in (browser.page("/figures"), browser.get("/figures.csv").text):
        assert "spam-flood" in answer
        assert "csam" not in answer
        assert "child-safety" not in answer
    assert f"{TODAY},waiting,,,,,,1" in browser.get("/figures.csv").text.splitlines()


def test_the_page_and_the_file_name_nobody(world):
    decide_by(world, ["p-ada", "p-ben", "p-cho"])
    case_at(world, "e-1", NOW - HOUR)
    put_act(world, 1, "claimed", "p-dan", 0, NOW - HOUR // 2, "e-1")
    browser = world.browser(lead())
    for answer in (browser.page("/figures"), browser.get("/figures.csv").text):
        assert "100" in answer
        assert [name for name in ("p-ada", "p-ben", "p-cho", "p-dan") if name in answer] == []


def test_the_file_has_what_the_page_shows(world):
    decide_by(world, ["ada", "ben"])
    put_clock(world, "c-1", "lapsed", 1.0)
    answer = world.browser(lead()).get("/figures.csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="figures-{TODAY}.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    head, *rows = csv.reader(io.StringIO(answer.text))
    assert head == ["day", "figure", "category", "policy", "duty", "age", "queue", "value"]
    assert len({row[0] for row in rows}) == 14
    own = [row[1:] for row in rows if row[0] == str(TODAY)]
    assert [row[0] for row in own][: len(FIGURES)] == [kind.name for kind in FIGURES]
    assert ["decided", "", "", "", "", "", "2"] in own
    assert ["median_hours", "", "", "", "", "", "hidden"] in own
    assert ["signed_percent", "", "", "", "", "", ""] in own
    assert ["clocks_missed", "", "", DUTY, "", "", "1"] in own
    assert ["dismissed_percent", "", "intimate-images", "", "", "", "hidden"] in own
    assert ["decided", "ncii_deepfake", "intimate-images", "", "", "", "2"] in own
    words = text_of(world.browser(lead()).page("/figures"))
    assert "Hours to decide, median from the opening of a case to its first decision hidden" in words
    assert duty_title(DUTIES[DUTY]) in words


@pytest.mark.parametrize("policy", ["=1+1", "@SUM(A1)", "+1", "-1"])
def test_a_spreadsheet_takes_no_cell_for_a_formula(world, policy):
    case_at(world, "e-1", NOW - HOUR, policy=policy)
    rows = csv.reader(io.StringIO(world.browser(lead()).get("/figures.csv").text))
    assert {row[3] for row in rows} == {"policy", "", f"'{policy}"}


def test_what_policies_are_called_is_text(world):
    case_at(world, "e-1", NOW - HOUR, policy="<b onload=x>")
    page = world.browser(lead()).page("/figures")
    assert "<b " not in page
    assert "&lt;b onload=x&gt;" in page


@pytest.mark.parametrize(
    "day", ["yesterday", str(TODAY + timedelta(days=2)), str(TODAY - timedelta(days=400)), "0001-01-01"]
)
def test_another_day_than_one_of_the_last_year_is_refused(world, day):
    for path in ("/figures", "/figures.csv"):
        assert world.browser(lead()).get(path, params={"day": day}).status_code == 400


def test_an_earlier_day_is_shown_with_the_days_before_it(world):
    case_at(world, "e-1", NOW - 20 * DAY)
    chosen = from_epoch_ms(NOW - 20 * DAY).date()
    page = world.browser(lead()).page(f"/figures?day={chosen}")
    assert f"Figures of {chosen}" in page
    rows = list(csv.reader(io.StringIO(world.browser(lead()).get(f"/figures.csv?day={chosen}").text)))
    assert rows[-1][0] == str(chosen)
    assert [str(chosen), "opened", "", "", "", "", "", "1"] in rows
