"""The read model forgets what topics do not keep any more."""

import json
from datetime import UTC, datetime

import pytest
from aiokafka import TopicPartition

from streams.desk.console.follower import Follower
from streams.desk.console.read_model.retention import prune
from tests.unit.console_pages import World, example, lead
from tests.shipped import RULES

CASES = (
    "escalation_event",
    "desk_row",
    "request_step",
    "request_row",
    "act",
    "case_work",
    "decision",
    "clock",
)
DAY_MS = 24 * 3_600_000


def at(day):
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as world:
        world.put_examples()
        yield world


def rows(world):
    return {table: world.writer.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in CASES}


def test_a_case_is_kept_for_a_year_after_the_last_that_happened_with_it(world):
    # What is about the integrity of reporting goes after 90 days, with what was done with it.
    prune(world.writer, at("2027-03-01"))
    before = rows(world)
    prune(world.writer, at("2027-09-21"))
    assert rows(world) == before
    # All but those with which something happened later.
    prune(world.writer, at("2027-09-23"))
    some = rows(world)
    assert 0 < some["desk_row"] < before["desk_row"]
    assert some["request_row"] == before["request_row"]
    prune(world.writer, at("2028-12-01"))
    assert set(rows(world).values()) == {0}


def test_an_act_keeps_an_old_case(world):
    world.put_case("old")
    world.put_case("seen")
    world.put("case-activity", example("case-activity", "noted") | {
        "escalation_id": "seen", "activity_id": "a-1", "expected_version": 0, "at": "2027-09-01T00:00:00Z",
    })  # fmt: skip
    prune(world.writer, at("2027-12-01"))
    browser = world.browser(lead())
    assert "translation" in browser.page("/cases/seen") or "noted" in browser.page("/cases/seen")
    browser.page("/cases/old", 404)


def test_transparency_counters_are_kept_for_ever(world):
    prune(world.writer, at("2060-01-01"))
    assert world.writer.execute("SELECT count(*) FROM transparency_counter").fetchone()[0] == 5


def test_it_is_done_with_the_first_record_of_a_day_once_everything_was_read(world):
    follower = Follower(None, "", world.writer, lambda _: None, lambda: RULES.categories)
    place = TopicPartition("escalations", 0)

    def record(offset, day):
        event = example("escalations", "opened-threshold-crossed") | {
            "escalation_id": f"new-{offset}",
            "at": f"{day}T00:00:00.000Z",
        }
        return world.log[0]._replace(
            topic="escalations", offset=offset, timestamp=at(day), value=json.dumps(event).encode()
        )

    follower._apply({place: [record(100, "2028-12-01")]}, {place: 101})
    assert rows(world)["request_row"] > 0
    follower.progress.caught_up = True
    follower._apply({place: [record(101, "2028-12-01")]}, {place: 102})
    assert rows(world)["desk_row"] == 2
    assert rows(world)["request_row"] == 0
