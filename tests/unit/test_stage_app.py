import asyncio
from types import SimpleNamespace

import pytest

from streams.runtime import stage_app
from streams.runtime.connection import Connection
from streams.runtime.errors import OwnershipLost
from streams.runtime.observer import Observer
from streams.runtime.stage_app import StageApp


class Watched(Observer):
    rebalances = 0

    def rebalanced(self, partitions):
        assert partitions == 4
        self.rebalances += 1


@pytest.fixture
def follow(monkeypatch):
    """Makes an app of one stage follow an assignment, calls `during` meanwhile, returns the observer."""
    monkeypatch.setattr(stage_app, "leave_out_what_stays", lambda: None)

    def run(during):
        async def scenario():
            app = StageApp(Connection("127.0.0.1:1"), "", None)
            app.consumer = SimpleNamespace(assignment=set, partitions={"reports-in": 4}.get)

            async def follow_assignment(*_):
                during(app)
                return []

            observer = Watched()
            ownership = SimpleNamespace(owners={}, follow=follow_assignment)
            app._stages.append(stage_app._RunningStage("reports", "reports-in", ownership, observer))
            await app._follow()
            return observer

        return asyncio.run(asyncio.wait_for(scenario(), 5))

    return run


def test_a_rebalance_is_reported_after_the_takeover(follow):
    assert follow(lambda _: None).rebalances == 1


def test_a_rebalance_is_not_reported_if_the_next_one_has_begun(follow):
    assert follow(lambda app: app.on_rebalance_start()).rebalances == 0


def test_a_cancelled_takeover_ends_the_worker(follow):
    def cancel(_app):
        raise asyncio.CancelledError

    with pytest.raises(OwnershipLost, match="the takeover of reports was cancelled"):
        follow(cancel)
