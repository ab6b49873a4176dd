"""The measures of any window are the same in both cores."""

import random

import pytest

from streams.counting import sums
from streams.counting.coordination.clusters import ClusterSums
from streams.counting.measures import MEASURES
from streams.counting.sums import StampedSums, WindowCounts
from tests.tools import native_core

native = native_core()

# These are compared with members and with a channel's own history, and state actors are in no policy.
OF_PYTHON = {"per_thousand_members", "surprise", "state_actors"}


def any_counts(chance: random.Random) -> WindowCounts:
    """Return counts of a few reports or none, as reports could have added them up."""
    reports = chance.choice((0, 1, 2, chance.randrange(40)))
    without_ref = chance.randrange(reports + 1)
    stamped = chance.choice((0, 1, chance.randrange(reports + 1)))
    first = chance.randrange(stamped + 1)
    # Few channels, so that reporters are proven by the same ones, and some reporters occur twice.
    proven = tuple(
        (chance.randrange(6), tuple(chance.sample(range(8), chance.randrange(4))))
        for _ in range(chance.randrange(5))
    )
    unnamed = chance.choice((0, chance.randrange(1_000_000)))
    return WindowCounts(
        reports=reports,
        risk=unnamed + chance.randrange(1_000_000 * reports + 1),
        trusted_flaggers=chance.randrange(reports + 1),
        automated=chance.randrange(reports + 1),
        anonymous=chance.randrange(reports + 1),
        without_ref=without_ref,
        distinct_reporters=chance.randrange(reports - without_ref + 1),
        stamped=StampedSums(
            stamped=stamped,
            sums=ClusterSums(
                reports=first,
                # A window may hold who joined a cluster without who founded it, and the other way round.
                linked=chance.randrange(-2, first + 3),
                known=chance.randrange(first + 1),
                squares=chance.randrange(first * first + 1),
            ),
            unnamed=unnamed,
            proven=proven,
        ),
    )


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_has_the_same_value_and_a_condition_begins_and_ends_there(name: str) -> None:
    chance = random.Random(7)
    values = set()
    for _ in range(1_000):
        counts = any_counts(chance)
        value = MEASURES[name].read(counts)
        values.add(value)

        def found(low: int, high: int, counts: WindowCounts = counts) -> tuple[int, bool] | None:
            return native.read_measure(sums, counts, name, low, high)

        if name in OF_PYTHON:
            assert found(value, value + 1) is None
            continue
        assert found(value, value + 1) == (value, True)
        assert found(value + 1, value + 9) == (value, False)
        assert found(value - 9, value) == (value, False)
    assert name in OF_PYTHON or len(values) > 3
