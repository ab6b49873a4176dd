"""The claims protocol holds in every order of its steps, and the searches find what is wrong with broken variants.

The number of a random run is its seed. A change of the model changes which run of a variant is the first to fail, so
the bounds are well above those numbers.
"""

import pytest

from tests.model.search import Failed, LiveMemberFenced, Stuck, Wrong, all_states, random_runs
from tests.model.variants import BROKEN
from tests.model.world import Faults, World

SMALLEST = World(workers=2, partitions=1, records=1)
LARGER = World(workers=3, partitions=2, records=3)
EVERY_FAULT = Faults(kill=4, evict=4, time_out=2, reset=1, late=1)


def first_failure(
    variant: str, most: Faults, bound: int, *, partitions: int = 1, protect_members: bool = False
) -> Failed:
    """Return the first of `bound` random runs of a broken variant that fails."""
    world = World(BROKEN[variant], workers=2, partitions=partitions, records=3)
    with pytest.raises(Failed) as failed:
        random_runs(world, most, range(1, bound + 1), protect_members=protect_members)
    return failed.value


def test_one_kill_in_all_states_breaks_nothing_and_fences_no_live_member() -> None:
    assert all_states(SMALLEST, Faults(kill=1), protect_members=True).states > 20_000


def test_one_eviction_in_all_states_breaks_nothing() -> None:
    assert all_states(SMALLEST, Faults(evict=1)).states > 40_000


@pytest.mark.slow
@pytest.mark.parametrize("faults", [Faults(kill=1), Faults(evict=1)], ids=["kill", "put-out"])
def test_one_fault_with_two_records_breaks_nothing(faults: Faults) -> None:
    assert all_states(World(workers=2, partitions=1, records=2), faults).states > 40_000


def test_random_faults_break_nothing() -> None:
    assert random_runs(LARGER, EVERY_FAULT, range(1, 1_001)).kills > 1_000


def test_repeated_evictions_break_nothing() -> None:
    random_runs(World(workers=2, partitions=1, records=3), Faults(evict=6), range(1, 1_001))


@pytest.mark.slow
def test_many_random_faults_break_nothing() -> None:
    random_runs(LARGER, EVERY_FAULT, range(10_001, 30_001))


def test_kills_fence_no_live_member() -> None:
    assert random_runs(LARGER, Faults(kill=4), range(1, 1_001), protect_members=True).kills > 1_000


@pytest.mark.parametrize(
    "variant",
    ["no-fence", "read-before-fence", "claim-last", "one-fence-request", "one-key", "own-claim-hidden"],
)
def test_one_eviction_is_enough_to_break(variant: str) -> None:
    with pytest.raises(Wrong):
        all_states(World(BROKEN[variant]), Faults(evict=1))


def test_without_a_fence_an_evicted_worker_applies_records_again() -> None:
    assert isinstance(first_failure("no-fence", Faults(evict=6), bound=500), Wrong)


def test_what_was_read_before_the_fence_can_be_outdated() -> None:
    assert isinstance(first_failure("read-before-fence", Faults(evict=6), bound=1_000), Wrong)


def test_a_claim_after_reading_is_too_late() -> None:
    assert isinstance(first_failure("claim-last", Faults(evict=6), bound=500), Wrong)


def test_concurrent_transactions_does_not_mean_fenced() -> None:
    assert isinstance(first_failure("one-fence-request", Faults(evict=6), bound=3_000), Wrong)


def test_with_one_key_per_partition_a_claim_hides_the_previous_one() -> None:
    assert isinstance(first_failure("one-key", Faults(evict=6), bound=500), Wrong)


def test_workers_that_always_give_way_never_start_after_a_group_reset() -> None:
    assert isinstance(first_failure("always-gives-way", Faults(kill=4, reset=1), bound=600), Stuck)


def test_looking_before_the_own_claim_is_visible_misses_an_earlier_claim() -> None:
    failure = first_failure("own-claim-hidden", Faults(kill=2, evict=4), bound=1_000, partitions=2)
    assert isinstance(failure, Wrong)


def test_looking_before_the_own_claim_is_visible_fences_a_member_that_is_releasing() -> None:
    failure = first_failure("own-claim-hidden", Faults(kill=4), bound=300, protect_members=True)
    assert isinstance(failure, LiveMemberFenced)


def test_looking_from_the_own_release_on_misses_an_earlier_claim() -> None:
    assert isinstance(first_failure("looks-from-release", Faults(evict=6), bound=1_000), Wrong)


def test_kept_state_without_proof_can_be_outdated() -> None:
    assert isinstance(first_failure("kept-without-proof", Faults(evict=6), bound=500), Wrong)


def test_an_end_noted_after_the_release_proves_nothing() -> None:
    failure = first_failure("end-noted-late", Faults(kill=2, evict=4), bound=1_500, partitions=2)
    assert isinstance(failure, Wrong)


def test_a_failing_run_is_described_step_by_step() -> None:
    lines = str(first_failure("no-fence", Faults(evict=6), bound=500)).splitlines()
    assert lines[0].startswith("Run ")
    assert lines[-1].startswith("So partition 0 has the records 0, ")
    # The run is shortened to the steps that matter.
    assert any("evict" in line for line in lines)
    assert "marker" in lines[-2]
    assert len(lines) < 50
