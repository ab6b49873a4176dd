"""Floods reach the same levels from a backlog as live, whatever its length.

The shipped policies; a third of the reports without a ref, so that they reach their channel sooner than the
others.
"""

import random
from collections.abc import Callable
from functools import lru_cache

import pytest

from streams.deciding.reports.rules import ReportRules, compile_report_rules
from tests.fixtures.hops import Highest, Hops, Place, one_by_one
from tests.unit.traffic import DAY, EXTERNAL, HOUR, MINUTE, REPORTERS_INTERNAL, SHIPPED, START, Record, report

PARTITIONS = 4
# How far no source is read ahead of the slowest.
SPAN = 4 * MINUTE
FLOODS, CROWD, FLOOD_LASTS = 8, 120, 20 * MINUTE

Published = list[tuple[int, Record]]


@lru_cache
def rules() -> ReportRules:
    return compile_report_rules(SHIPPED)


def traffic(length: int, *, a_minute: int, channels: int) -> Published:
    """Reports of `length` ms as they were appended, each with its source partition: any, as keys are random."""
    chance = random.Random(length + a_minute)
    rows = []
    for number in range(length * a_minute // MINUTE):
        who = {"kind": "user", "ref": f"u{chance.randrange(3_000)}"} if chance.random() < 2 / 3 else None
        rows.append((chance.randrange(length), f"b{number}", f"quiet-{chance.randrange(channels)}", who))
    for flood in range(FLOODS):
        begin = chance.randrange(length - FLOOD_LASTS)
        for number in range(CROWD):
            who = {"kind": "user", "ref": f"f{flood}-{number}"} if number % 3 else None
            rows.append((begin + chance.randrange(FLOOD_LASTS), f"f{flood}-{number}", f"flood-{flood}", who))
    found = []
    for at, number, channel, who in sorted(rows, key=lambda row: row[:2]):
        who = who or {"kind": "user"}
        record = report(
            0, START + at, channel=channel, report_id=number, message_ref=f"m-{channel}", reporter=who
        )
        found.append((chance.randrange(PARTITIONS), record))
    return found


def live(published: Published) -> Hops:
    """All places are read every two seconds, in any order."""
    hops, chance = Hops(rules(), PARTITIONS), random.Random(1)
    until = START
    for partition, record in published:
        if record.timestamp > until:
            _once(hops, chance)
            until = record.timestamp + 2_000
        hops.publish(record, partition)
    hops.drain()
    return hops


def at_once(published: Published) -> Hops:
    """A backlog of which each source is read to its end, the second one first."""
    hops = _backlog(published)
    sources = [Place(EXTERNAL, partition) for partition in range(PARTITIONS)]
    for place in (*sources[1:], sources[0]):
        hops.read(place, len(published))
        hops.drain(place for place in hops.places() if place.topic != EXTERNAL)
    return hops


def side_by_side(published: Published) -> Hops:
    """A backlog of which no source is read further than four minutes ahead of the slowest, in any order.

    And none before what was passed on was stamped: so the homes alone may be further behind.
    """
    hops, chance = _backlog(published), random.Random(2)
    while heads := [head for partition in range(PARTITIONS) if (head := hops.head(partition)) is not None]:
        until = min(heads) + SPAN
        for partition in chance.sample(range(PARTITIONS), PARTITIONS):
            while hops.read(Place(EXTERNAL, partition), chance.choice([1, 20, 500]), until):
                pass
        for partition in chance.sample(range(PARTITIONS), PARTITIONS):
            hops.drain([Place(REPORTERS_INTERNAL, partition)])
        _once(hops, chance, sources=False)
    hops.drain()
    return hops


def _backlog(published: Published) -> Hops:
    hops = Hops(rules(), PARTITIONS)
    for partition, record in published:
        hops.publish(record, partition)
    return hops


def _once(hops: Hops, chance: random.Random, *, sources: bool = True) -> None:
    places = [place for place in hops.places() if sources or place.topic != EXTERNAL]
    for place in chance.sample(places, len(places)):
        hops.read(place, chance.choice([50, 500]))


def floods(found: Highest) -> list[int]:
    """The levels that the policy of floods reached in their channels."""
    return [
        level
        for (policy, _, channel), level in found.items()
        if policy == "spam-flood" and "flood" in channel
    ]


# How many voices a crowd is depends on who was known when, so on the order (docs/concepts.md, 'Windows').
BY_VOICES = {
    policy.id
    for policy in SHIPPED.policies
    if any(one.measure.name in ("voices", "linked_share") for one in policy.conditions)
}


def of_sums(found: Highest) -> Highest:
    return {key: level for key, level in found.items() if key[0] not in BY_VOICES}


def check(published: Published, *ways: Callable[[Published], Hops]) -> None:
    expected = one_by_one(rules(), PARTITIONS, published).highest
    assert floods(expected) == [2] * FLOODS
    for read in ways:
        hops = read(published)
        assert not hops.unapplied
        assert of_sums(hops.highest) == of_sums(expected), read


QUIET = {"a_minute": 2, "channels": 10}
BUSY = {"a_minute": 100, "channels": 500}


@pytest.mark.parametrize("length", [90 * MINUTE, pytest.param(4 * HOUR, marks=pytest.mark.slow)])
def test_floods_within_hours_reach_the_same_levels(length: int) -> None:
    check(traffic(length, **QUIET), live, at_once, side_by_side)


@pytest.mark.nightly
def test_floods_within_six_hours_and_two_days_reach_the_same_levels() -> None:
    check(traffic(6 * HOUR, **QUIET), live, at_once, side_by_side)
    # No source is this far behind another, or its late reports are too late to be judged.
    check(traffic(2 * DAY, **QUIET), side_by_side)


@pytest.mark.nightly
@pytest.mark.parametrize("length", [90 * MINUTE, 4 * HOUR, 6 * HOUR])
def test_floods_in_busy_hours_reach_the_same_levels(length: int) -> None:
    check(traffic(length, **BUSY), live, at_once, side_by_side)


@pytest.mark.nightly
def test_floods_in_two_busy_days_reach_the_same_levels() -> None:
    check(traffic(2 * DAY, **BUSY), side_by_side)
