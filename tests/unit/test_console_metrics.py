"""What operators see of a console: its metrics, and whether it is ready."""

import asyncio
import re
from contextlib import asynccontextmanager
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from streams.desk.console import follower
from streams.desk.console.live_feed import LiveFeed
from streams.desk.console.metrics import ConsoleMetrics, Timed, serve_metrics
from streams.desk.console.missing_outcomes import decisions_without_outcome
from streams.desk.console.publisher import NotReadBack, Publisher
from streams.desk.console.settings import ConsoleSettings
from streams.running.operations.console_metric_catalogue import CONSOLE_CATALOGUE
from streams.running.operations.metrics import Exposition
from streams.running.operations.rules_standing import RulesStanding
from streams.running.wall_clock import clock_ms
from tests.unit.console_acts import PEOPLE, act
from tests.unit.console_pages import World
from tests.shipped import RULES


@pytest.fixture
def metrics(world):
    standing = RulesStanding("a" * 64, None, (("b" * 64, "it crashes"),), differs=True)
    return ConsoleMetrics(world.progress, LiveFeed(), lambda: standing)


@pytest.fixture
def publisher(world, metrics):
    return Publisher(world, "", world.database, world.progress, metrics.acts)


def scraped(metrics):
    """The value of each series, by its text without the value."""
    text = Exposition((metrics.acts, metrics.answer, metrics.build), metrics.live).text().decode()
    return {name: float(value) for name, value in re.findall(r"^(tocsin_\S+) (\S+)$", text, re.M)}


def test_exactly_the_metrics_of_the_catalogue_are_shown(metrics):
    names = {name.partition("{")[0] for name in scraped(metrics)}
    names = {re.sub(r"_(bucket|count|sum)$", "", name) for name in names}
    assert names == {metric.name for metric in CONSOLE_CATALOGUE} | {"tocsin_build_info"}


def test_rules_that_differ_or_cannot_be_used_are_told(metrics):
    found = scraped(metrics)
    assert found["tocsin_console_rules_differ_from_files"] == 1
    assert found[f'tocsin_console_rules_not_ready{{rules="{"b" * 16}"}}'] == 1


def test_acts_are_counted_by_what_became_of_them(world, metrics, publisher):
    asyncio.run(publisher.act(act(1, "claimed", PEOPLE[0], 0)))
    asyncio.run(publisher.act(act(2, "claimed", PEOPLE[1], 0)))

    async def fail(*_, **__):
        raise KafkaConnectionError

    world.send_and_wait = fail
    with pytest.raises(KafkaConnectionError):
        asyncio.run(publisher.act(act(3, "released", PEOPLE[0], 1)))
    counted = {name: value for name, value in scraped(metrics).items() if "acts_total" in name}
    assert counted == {
        f'tocsin_console_acts_total{{effect="{effect}"}}': 1
        for effect in ("counted", "refused", "not_confirmed")
    }


@pytest.fixture
def left(monkeypatch, publisher):
    """Makes decisions as a console does that is killed before it writes what follows."""
    monkeypatch.setattr("streams.desk.console.missing_outcomes._REPAIRED_MS", clock_ms())

    def decide(number, **fields):
        async def killed(_):
            raise NotReadBack

        with monkeypatch.context() as patch:
            patch.setattr(publisher, "_follow_up", killed)
            with pytest.raises(NotReadBack):
                asyncio.run(publisher.act(act(number, "decided", PEOPLE[0], 0, **fields)))

    return decide


def test_a_decision_is_without_outcome_until_it_is_repaired(world, publisher, left):
    world.put_case("e")
    left(1)
    missing = asyncio.run(publisher.missing())
    assert len(missing) == 1
    assert asyncio.run(publisher.repair(missing)) == 1
    assert asyncio.run(publisher.missing()) == []
    assert asyncio.run(publisher.repair(missing)) == 0
    assert [each["outcome_id"] for each in world.sent("moderation-outcomes")] == ["a1"]


def test_nothing_is_missing_of_a_case_that_names_no_messages(world, publisher, left):
    world.put_case("e", message_refs=[])
    left(1)
    assert asyncio.run(publisher.missing()) == []
    decisions = decisions_without_outcome(world.database.reader())
    assert len(decisions) == 1
    assert asyncio.run(publisher.repair(decisions)) == 0
    assert world.sent("moderation-outcomes") == []


def test_they_are_served_on_a_port_of_their_own(world, metrics):
    own = ConsoleSettings(metrics_port=0)
    world.progress.caught_up = False

    def get(address, path):
        try:
            return urlopen(address + path, timeout=5).read()
        except HTTPError as error:
            return error.read()

    async def ask():
        async with serve_metrics(own, metrics, world.progress) as address:
            before = await asyncio.to_thread(get, address, "/readyz")
            world.progress.caught_up = True
            return before, [
                await asyncio.to_thread(get, address, path)
                for path in ("/readyz", "/metrics", "/livez", "/status")
            ]

    before, (ready, shown, alive, status) = asyncio.run(ask())
    assert before == b"not ready: reading what was there at the start\n"
    assert ready == b"ready\n"
    assert b"tocsin_console_ready 1.0" in shown
    assert alive.startswith(b"alive")
    assert b'"records_behind": 0' in status


def test_answers_are_timed_but_not_open_feeds(metrics):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await send({"type": "http.response.body", "body": b"whole"})

    async def ask(*paths):
        async def send(_):
            pass

        for path in paths:
            await Timed(app, metrics)({"type": "http", "path": path}, None, send)

    asyncio.run(ask("/desk", "/cases/e", "/live"))
    assert scraped(metrics)["tocsin_console_answer_seconds_count"] == 2


class Consumer:
    """One partition whose end moves on, and brokers that answer once what its end is."""

    def __init__(self):
        self.asked = self.fetches = self.stable = 0

    def assignment(self):
        return {PLACE}

    async def beginning_offsets(self, _):
        return {PLACE: 0}

    async def end_offsets(self, _):
        self.asked += 1
        assert self.asked == 1, "the brokers are away"
        return {PLACE: 3}

    def seek(self, *_):
        pass

    async def getmany(self, **_):
        self.fetches += 1
        await asyncio.sleep(0)
        return {}

    async def position(self, _):
        return 3

    def last_stable_offset(self, _):
        return self.stable or None


PLACE = TopicPartition("escalations", 0)


def test_how_far_behind_it_is_told_by_fetches_and_asks_no_broker(world, monkeypatch):
    consumer = Consumer()

    @asynccontextmanager
    async def subscriber(*_):
        yield consumer

    monkeypatch.setattr(follower, "subscriber", subscriber)
    reading = follower.Follower(None, "", world.writer, lambda _: None, lambda: RULES.categories)

    async def run():
        task = asyncio.create_task(reading.run())
        seen = []
        for stable in (0, 12, 3):
            consumer.stable = stable
            # The next fetch sees it, and what that one saw is told when another begins.
            told = consumer.fetches + 2
            while consumer.fetches < told:
                await asyncio.sleep(0.001)
            seen.append((reading.progress.caught_up, reading.progress.left))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return seen

    assert asyncio.run(run()) == [(True, 0), (True, 9), (True, 0)]
