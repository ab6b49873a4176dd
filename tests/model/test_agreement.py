"""Workers that must not work side by side do not, whichever of them is first and whatever happens meanwhile."""

import asyncio
import random

import pytest

from streams.running.errors import RefusedToStart
from streams.running.log.terms import Terms
from streams.running.takeover import agreement
from streams.running.takeover.takeover import ClaimsView
from tests.model.fleet import Failed, Fleet

FLEET = Terms("1", {"key": ("old",)}, {"policies": "p1"})
OTHER_KEY = Terms("1", {"key": ("wrong",)}, {"policies": "p1"})
OTHER_RULES = Terms("1", {"key": ("old",)}, {"policies": "p2"})


async def until(fleet, condition, seconds=60):
    deadline = fleet.loop.now + seconds
    while not condition():
        if fleet.loop.now > deadline:
            raise Failed("not in time", fleet.trace)
        await asyncio.sleep(0.05)


def owners(fleet):
    return {worker.name for worker in fleet.alive() if worker.ownership.owners}


@pytest.mark.parametrize("terms", [OTHER_KEY, OTHER_RULES])
def test_who_differs_waits_outside_and_stops_nobody_and_goes_on_when_the_others_are_gone(terms):
    fleet = Fleet()
    fleet.terms = {"A": FLEET, "B": terms}

    async def story(fleet):
        fleet.publish(0, 3)
        first = fleet.start("A")
        await until(fleet, lambda: owners(fleet) == {"A"})
        generation = fleet.group.generation
        newcomer = fleet.start("B")
        await until(fleet, lambda: newcomer.differs_in)
        fleet.publish(1, 3)
        await asyncio.sleep(5)
        assert owners(fleet) == {"A"}
        assert fleet.group.generation == generation, "no rebalance"
        first.leaving.set()
        await until(fleet, lambda: owners(fleet) == {"B"})
        assert newcomer.differs_in == []
        await fleet.calm()
        assert [error for _, error in fleet.exits] == [None]

    fleet.run(story)


def test_who_was_killed_is_no_obstacle_once_the_group_has_noticed():
    fleet = Fleet()
    fleet.terms = {"A": FLEET, "B": OTHER_RULES}

    async def story(fleet):
        first = fleet.start("A")
        await until(fleet, lambda: owners(fleet) == {"A"})
        fleet.kill(first, restart=False)
        newcomer = fleet.start("B")
        await until(fleet, lambda: newcomer.differs_in)
        fleet.publish(0, 3)
        await until(fleet, lambda: owners(fleet) == {"B"})
        await fleet.calm()

    fleet.run(story)


def test_rules_are_replaced_by_a_rolling_restart_when_that_is_announced_and_back():
    fleet = Fleet()
    new = Terms("1", FLEET.alike, {"policies": "p2"}, replaces=FLEET.rules_id)
    fleet.terms = {"A": FLEET, "B": new}

    async def story(fleet):
        for name in ("A1", "A2"):
            fleet.start(name)
        await until(fleet, lambda: len([each for each in fleet.alive() if each.ownership.owners]) == 2)
        for number, worker in enumerate(fleet.alive()):
            worker.leaving.set()
            fleet.start(f"B{number}")
            await until(fleet, lambda worker=worker: worker.ended)
            await fleet.calm()
        assert owners(fleet) == {"B0", "B1"}
        fleet.alive()[0].leaving.set()
        # One of the old rules comes back: the new ones name them.
        fleet.start("A3")
        await until(fleet, lambda: owners(fleet) == {"A3", "B1"})
        await fleet.calm()

    fleet.run(story)
    assert all(error is None for _, error in fleet.exits)


def mixed_run(seed):
    """Workers of two kinds start at nearly the same moment, some without asking; one of them dies."""
    rng = random.Random(seed)
    fleet = Fleet(3, choose=rng.choice, rng=rng)
    fleet.asks_first = rng.random() < 0.5
    fleet.terms = {"A": FLEET, "B": rng.choice([OTHER_KEY, OTHER_RULES])}

    async def story(fleet):
        for name in rng.sample(["A1", "A2", "B1", "B2"], 4):
            fleet.loop.call_later(rng.random() * rng.choice([0.05, 1]), fleet.start, name)
        for partition in fleet.published:
            fleet.loop.call_later(rng.random(), fleet.publish, partition, 3)
        await asyncio.sleep(1)
        if rng.random() < 0.5 and fleet.alive():
            fleet.kill(rng.choice(fleet.alive()))
        await asyncio.sleep(2)
        # From here on everybody asks, as all do: who was refused by its claim waits outside.
        fleet.asks_first = True
        # Who was fenced, also while it took over, notices it when it next writes.
        for _ in range(3):
            for partition in fleet.published:
                fleet.publish(partition)
            await asyncio.sleep(1)
        await fleet.calm()
        assert len({name[0] for name in owners(fleet)}) == 1, fleet.trace[-80:]

    fleet.run(story)
    return fleet


def test_of_workers_that_start_together_one_kind_works_on():
    refused = 0
    for seed in range(30):
        fleet = mixed_run(seed)
        refused += any(isinstance(error, RefusedToStart) for _, error in fleet.exits)
    assert refused > 5


async def _agrees_always(_view):
    pass


@pytest.mark.parametrize(
    ("where", "what", "change"),
    [
        (ClaimsView, "_agree", _agrees_always),
        (agreement, "differences", lambda _own, _other: []),
    ],
    ids=["no look at the claims", "nothing differs"],
)
def test_the_search_finds_workers_that_do_not_look(monkeypatch, where, what, change):
    monkeypatch.setattr(where, what, change)
    failures = 0
    for seed in range(30):
        try:
            mixed_run(seed)
        except (Failed, AssertionError):
            failures += 1
    assert failures
