"""From 5 workers with 50 partitions to 10 with 100, nothing grows faster than docs/operations-measured.md says.

Counted are requests, records and bytes in simulated time, so no load of the machine changes them.
"""

import logging
from collections.abc import Iterator
from functools import cache

import pytest
import structlog

from streams.running.cycle.side_by_side import GATHERING_SECONDS
from tests.scale import stories
from tests.scale.stories import Figures, Happening

# Twice the fleet takes twice the work, with some room for what happens by chance.
TWICE = 2.3

# What all workers read of what all workers wrote is four times as much.
FOUR_TIMES = 4.6


@pytest.fixture(autouse=True)
def _no_log_of_each_takeover() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.configure(**before)


@cache
def figures(happening: Happening, workers: int) -> Figures:
    return stories.play(happening, workers, 10 * workers)


def growth(happening: Happening, field: str) -> float:
    """By which factor a figure grows."""
    small, large = (getattr(figures(happening, workers), field) for workers in (5, 10))
    return float(large / small)


@pytest.mark.parametrize(
    "happening",
    [
        stories.quiet,
        stories.loss_of_a_third,
        pytest.param(stories.rolling_restart, marks=pytest.mark.nightly),
        pytest.param(stories.backlog, marks=pytest.mark.nightly),
    ],
)
def test_requests_grow_with_the_fleet(happening: Happening) -> None:
    assert growth(happening, "requests_per_second") < TWICE
    assert growth(happening, "busiest_second") < TWICE


def test_the_record_of_the_group_grows_with_the_fleet() -> None:
    assert growth(stories.loss_of_a_third, "group_record_bytes") < TWICE


def test_time_without_an_owner_does_not_grow() -> None:
    assert growth(stories.loss_of_a_third, "longest_gap") < 1.1
    # The rest of a heartbeat until all have joined again: between nothing and half a second.
    assert figures(stories.loss_of_a_third, 10).median_gap < 1


def test_a_takeover_reads_claims_once_for_each_partition_of_the_fleet() -> None:
    assert growth(stories.loss_of_a_third, "claims_read_per_takeover") < TWICE
    assert growth(stories.loss_of_a_third, "claims_read") < FOUR_TIMES


def test_a_takeover_does_not_read_again_what_earlier_ones_wrote() -> None:
    found = figures(stories.coming_and_going, 5)
    # In each rebalance all release the partitions of three stages and claim them again; and the terms of each.
    a_rebalance = 2 * (3 * found.partitions + 5)
    assert found.rebalances == 10
    assert found.claims_read_by_who_stayed < 11 * a_rebalance


@pytest.mark.nightly
def test_rows_of_progress_take_requests_as_many_as_there_are_workers_and_records_as_many_as_its_square() -> (
    None
):
    for workers in (5, 10):
        found = figures(stories.backlog, workers)
        # A row answers a request at once, so the pause after each is what limits them.
        assert found.by_kind["fetch rows"] < workers * (found.seconds / GATHERING_SECONDS + 2)
    assert growth(stories.backlog, "rows_written") < TWICE
    assert growth(stories.backlog, "rows_read") < FOUR_TIMES


@pytest.mark.slow
def test_growth_to_ten_times_the_workers_gives_every_partition_an_owner() -> None:
    found = figures(stories.growth, 1)
    assert found.takeovers >= 10
    assert found.longest_gap < 2


def test_a_slow_coordinator_makes_it_slower_by_its_answers_and_no_more() -> None:
    slow, quick = (figures(each, 10) for each in (stories.slow_coordinator, stories.loss_of_a_third))
    # A heartbeat, a join and a sync a second later each, and the requests of two transactions.
    assert slow.longest_gap < quick.longest_gap + 5
