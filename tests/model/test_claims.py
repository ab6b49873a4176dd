"""The claims protocol is right in every order of its steps; variants without one of its rules are not.

A run by chance is fixed by its number. The bounds of the variants leave several times the runs that it takes to find
them: a change of the model changes which run is the first to be wrong.
"""

import pytest

from tests.model.search import Failed, LiveMemberFenced, Stuck, Wrong, all_states, by_chance
from tests.model.variants import BROKEN
from tests.model.world import Faults, World

SMALLEST = World(workers=2, partitions=1, records=1)
LARGER = World(workers=3, partitions=2, records=3)
EVERY_FAULT = Faults(kill=4, put_out=4, timed_out=2, reset=1, late=1)


def first_failure(variant, most, bound, *, workers=2, partitions=1, spare_members=False):
    """Return the first run of a broken variant that is wrong, of as many as `bound`."""
    world = World(BROKEN[variant], workers, partitions, records=3)
    with pytest.raises(Failed) as failed:
        by_chance(world, most, range(1, bound + 1), spare_members=spare_members)
    return failed.value


def test_all_states_with_one_kill_are_right_and_no_live_member_is_fenced():
    assert all_states(SMALLEST, Faults(kill=1), spare_members=True).states > 40_000


def test_all_states_with_one_worker_put_out_of_the_group_are_right():
    assert all_states(SMALLEST, Faults(put_out=1)).states > 80_000


@pytest.mark.slow
@pytest.mark.parametrize("faults", [Faults(kill=1), Faults(put_out=1)], ids=["kill", "put-out"])
def test_all_states_with_two_records_are_right(faults):
    assert all_states(World(workers=2, partitions=1, records=2), faults).states > 70_000


def test_larger_worlds_are_right_under_every_fault():
    assert by_chance(LARGER, EVERY_FAULT, range(1, 1_001)).kills > 1_000


def test_workers_that_are_put_out_again_and_again_are_right():
    by_chance(World(workers=2, partitions=1, records=3), Faults(put_out=6), range(1, 1_001))


@pytest.mark.slow
def test_many_runs_are_right_under_every_fault():
    by_chance(LARGER, EVERY_FAULT, range(10_001, 30_001))


def test_kills_alone_fence_no_live_member():
    assert by_chance(LARGER, Faults(kill=4), range(1, 1_001), spare_members=True).kills > 1_000


def test_without_a_fence_a_worker_that_was_put_out_applies_a_record_again():
    assert isinstance(first_failure("no-fence", Faults(put_out=6), bound=500), Wrong)


def test_what_was_read_before_the_fence_may_be_outdated():
    assert isinstance(first_failure("read-before-fence", Faults(put_out=6), bound=1_000), Wrong)


def test_a_claim_after_reading_is_too_late():
    assert isinstance(first_failure("claim-last", Faults(put_out=6), bound=500), Wrong)


def test_concurrent_transactions_does_not_mean_fenced():
    assert isinstance(first_failure("one-fence-request", Faults(put_out=6), bound=3_000), Wrong)


def test_with_one_key_per_partition_a_claim_hides_the_one_before():
    assert isinstance(first_failure("one-key", Faults(put_out=6), bound=500), Wrong)


def test_a_worker_that_always_gives_way_never_starts_after_a_group_reset():
    assert isinstance(first_failure("always-gives-way", Faults(kill=4, reset=1), bound=200), Stuck)


def test_who_does_not_wait_for_its_own_claim_overlooks_another():
    failure = first_failure("own-claim-hidden", Faults(kill=2, put_out=4), bound=1_000, partitions=2)
    assert isinstance(failure, Wrong)


def test_who_does_not_wait_for_its_own_claim_fences_a_member_that_is_releasing():
    failure = first_failure("own-claim-hidden", Faults(kill=4), bound=200, spare_members=True)
    assert isinstance(failure, LiveMemberFenced)


def test_who_looks_from_its_own_release_on_overlooks_an_earlier_claim():
    assert isinstance(first_failure("looks-from-release", Faults(put_out=6), bound=1_000), Wrong)


def test_kept_state_needs_proof_that_nobody_wrote_since():
    assert isinstance(first_failure("kept-without-proof", Faults(put_out=6), bound=500), Wrong)


def test_an_end_noted_after_the_release_proves_nothing():
    failure = first_failure("end-noted-late", Faults(kill=2, put_out=4), bound=1_500, partitions=2)
    assert isinstance(failure, Wrong)


def test_a_wrong_run_is_told_in_words():
    lines = str(first_failure("no-fence", Faults(put_out=6), bound=500)).splitlines()
    assert lines[0].startswith("Run ")
    assert lines[-1].startswith("So partition 0 has the records 0, ")
    # The worker that was put out writes last, and the search left out what does not matter.
    assert any("put_out" in line for line in lines)
    assert "marker" in lines[-2]
    assert len(lines) < 50
