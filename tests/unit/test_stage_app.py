import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError

from streams.running.app import stage_app
from streams.running.app.stage_app import StageApp
from streams.running.errors import OwnershipLost, RefusedToStart
from streams.running.log.claims import StatePartition
from streams.running.log.connection import Connection
from streams.running.log.position import SourcePosition
from streams.running.partitions.observer import Observer
from streams.running.patches.fetched_range import FetchResult
from streams.running.log.fetched import Fetched


class Watched(Observer):
    rebalances = 0

    def rebalanced(self, partitions):
        assert partitions == 4
        self.rebalances += 1


@pytest.fixture
def follow(monkeypatch):
    """Makes an app of one stage follow an assignment, calls `during` meanwhile, returns the observer."""
    monkeypatch.setattr(stage_app.GarbageCollection, "taken_over", lambda _: None)

    def run(during, membership=(7, "member")):
        async def scenario():
            app = StageApp(Connection("127.0.0.1:1"), "", None, "")
            app.consumer = SimpleNamespace(
                assignment=set, partitions={"reports-in": 4}.get, membership=lambda: membership
            )

            async def follow_assignment(*_):
                return during(app) is not False

            observer = Watched()
            app.ownership = SimpleNamespace(
                owners={}, follow=follow_assignment, partitions_read=0, records_read=0
            )
            app._stages.append(stage_app._RunningStage("reports", "reports-in", observer))
            await app._follow()
            return observer

        return asyncio.run(asyncio.wait_for(scenario(), 5))

    return run


def test_a_rebalance_is_reported_after_the_takeover(follow):
    assert follow(lambda _: None).rebalances == 1


def test_a_rebalance_is_not_reported_if_the_next_one_has_begun(follow):
    assert follow(lambda app: app.on_rebalance_start()).rebalances == 0


def test_an_interrupted_takeover_is_not_reported(follow):
    assert follow(lambda _: False).rebalances == 0


def test_an_assignment_is_not_claimed_once_the_next_rebalance_has_begun(follow):
    """The partitions were given up; a claim would outlive that, and another worker would fence this one."""

    def must_not_follow(_app):
        raise AssertionError

    assert follow(must_not_follow, membership=None).rebalances == 0


def test_work_that_is_cancelled_from_within_ends_the_worker():
    """A task group takes it for the end of the task, and the worker would apply nothing any more."""

    async def cancelled():
        raise asyncio.CancelledError

    with pytest.raises(OwnershipLost, match="cancelled from within"):
        asyncio.run(stage_app._endless(cancelled()))


def test_work_can_be_cancelled_from_outside():
    async def scenario():
        task = asyncio.create_task(stage_app._endless(asyncio.sleep(60)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(asyncio.wait_for(scenario(), 5))


def test_records_of_a_source_at_rest_are_waiting_but_no_standstill():
    """The watchdog would end the worker, and with it all its other partitions."""

    async def scenario():
        app = StageApp(Connection("127.0.0.1:1"), "t.", None, "")
        app.consumer = SimpleNamespace(in_touch=lambda: True, fetched=lambda _: Fetched(10, 9, 10, 10))
        owner = SimpleNamespace(
            place=StatePartition("reports", 0),
            committed_position={name: SourcePosition(5, 1, None) for name in ("t.in", "t.paused")},
            rests=lambda topic: topic == "t.paused",
        )
        app.ownership = SimpleNamespace(known_owners=lambda: [owner])
        return [(lag.topic, lag.records, lag.readable) for lag in app.lags()]

    assert asyncio.run(scenario()) == [("in", 5, 5), ("paused", 5, 0)]


@pytest.mark.parametrize("when", ["before", "writer"])
@pytest.mark.parametrize("error", [KafkaConnectionError, NodeNotReadyError])
def test_a_broker_that_goes_away_during_the_start_is_named(monkeypatch, when, error):
    """A random story killed it between the connection and the first request."""

    async def fail():
        raise error

    async def succeed():
        pass

    app = StageApp(Connection("127.0.0.1:1"), "", fail if when == "before" else succeed, "")
    monkeypatch.setattr(app.writer, "start", fail)
    with pytest.raises(RefusedToStart, match="no Kafka broker answers at 127.0.0.1:1"):
        asyncio.run(app.on_start())


def test_classes_are_replaced_before_the_first_consumer_starts(monkeypatch):
    """Who reads the rules has fetched already when the consumer of the stages starts."""
    monkeypatch.setattr(fetcher, "FetchResult", FetchResult.__base__)
    StageApp(Connection("127.0.0.1:1"), "", None, "")
    assert fetcher.FetchResult is FetchResult
