"""The steps of a takeover against a claims log in memory, with open, committed and aborted records."""

import asyncio

import pytest
from aiokafka import TopicPartition

from streams.contract.wire.topics import CLAIMS
from streams.running.errors import OwnershipLost
from streams.running.log import state_log
from streams.running.log.claims import (
    ClaimsLog,
    StatePartition,
    claim_record,
    claim_value,
    claimant_of,
    former_fenced_record,
    release_record,
)
from streams.running.log.writer import Writer
from streams.running.takeover.takeover import Claims, always_current
from tests.model.memory_log import Brokers

A, B = StatePartition("reports", 0), StatePartition("requests", 0)


class Broker:
    """A claims log, and the producers that were fenced."""

    tp = TopicPartition(CLAIMS, 0)

    def __init__(self):
        self.brokers = Brokers({CLAIMS: 1})
        self.log = self.brokers.log(self.step)
        self.fenced = []

    async def step(self, name):
        *_, transactional_id = name.split()
        if name.startswith("before fence") and transactional_id not in self.fenced:
            self.fenced.append(transactional_id)
        await asyncio.sleep(0)

    @property
    def rows(self):
        return [each for each in self.brokers.partitions[self.tp].records if each.status != "marker"]

    def append(self, owner, *records, status="committed"):
        if status == "open":
            self.brokers.begin(owner, self.tp)
        self.brokers.append(self.tp, records, owner, status)

    def commit(self, owner):
        self.brokers.end(owner, "committing")

    async def writer(self, transactional_id="me"):
        made = Writer(self.log, "")
        made.transactional_id = transactional_id
        await made.start()
        return made


@pytest.fixture
def broker(monkeypatch):
    monkeypatch.setattr(state_log, "GRACE_SECONDS", 0.02)
    return Broker()


def noted(broker, *places):
    """No version before the claims log runs."""
    broker.append("somebody", *(former_fenced_record(place) for place in places))


async def take_over(broker, *places, generation=5, is_current=always_current, transactional_id="me"):
    claims = Claims(broker.log, await broker.writer(transactional_id))
    await claims.claim(places, generation, "member")
    async with claims.viewing(is_current) as view:
        await view.fence_others()
        await view.note_fenced()
    return claims


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario, 60))


def claim(place, owner, generation=4):
    return claim_record(place, owner, claim_value(generation, "m"))


def test_who_released_is_not_fenced(broker):
    noted(broker, A, B)
    broker.append("left", claim(A, "left"), claim(B, "left"))
    broker.append("left", release_record(A, "left"), release_record(B, "left"))
    run(take_over(broker, A, B))
    assert broker.fenced == []


def test_who_has_an_unreleased_claim_to_one_of_the_partitions_is_fenced_once(broker):
    noted(broker, A, B)
    broker.append("dead", claim(A, "dead"), claim(B, "dead"))
    broker.append("elsewhere", claim(StatePartition("reports", 1), "elsewhere"))
    run(take_over(broker, A, B))
    assert broker.fenced == ["dead"]
    # The next one finds the releases that this one wrote for it.
    run(take_over(broker, A, transactional_id="next"))
    assert broker.fenced == ["dead", "me"]


def test_releases_for_others_begin_with_a_record_about_the_writer(broker):
    noted(broker, A)
    broker.append("dead", claim(A, "dead"))
    run(take_over(broker, A))
    *_, first, last = broker.rows
    assert (claimant_of(first.key), claimant_of(last.key), last.value) == ("me", "dead", None)


def test_an_earlier_claim_of_this_process_is_not_taken_for_the_present_one(broker):
    async def scenario():
        noted(broker, A)
        claims = await take_over(broker, A)
        await claims.release()
        broker.append("dead", claim(A, "dead"))
        await take_over(broker, A)

    run(scenario())
    assert broker.fenced == ["dead"]


def test_a_process_reads_on_where_its_last_takeover_ended(broker):
    """Who claimed, released or died since is known all the same."""

    async def scenario():
        noted(broker, A, B)
        broker.append("dead", claim(B, "dead"))
        broker.append("left", claim(B, "left"))
        claims = await take_over(broker, A)
        assert broker.fenced == []
        await claims.release()
        broker.append("left", release_record(B, "left"))
        # What was read before is not there any more, so it cannot be read again.
        broker.brokers.delete_records(broker.tp, claims.seen_to)
        await claims.claim([B], 6, "member")
        async with claims.viewing(always_current) as view:
            await view.fence_others()
        assert broker.fenced == ["dead"]

    run(scenario())


def test_after_an_hour_claims_are_read_anew(broker, monkeypatch):
    """The brokers may have deleted the record of a release by then."""

    async def scenario():
        noted(broker, A, B)
        broker.append("left", claim(B, "left"))
        claims = await take_over(broker, A)
        await claims.release()
        broker.append("left", release_record(B, "left"))
        broker.brokers.compact(broker.tp)
        broker.append("somebody", former_fenced_record(A))
        claims.seen_at -= 3_601
        await claims.claim([B], 6, "member")
        async with claims.viewing(always_current) as view:
            await view.fence_others()
        assert broker.fenced == []

    run(scenario())


def test_a_log_that_was_created_anew_is_read_from_its_beginning(broker):
    async def scenario():
        noted(broker, A, B)
        claims = await take_over(broker, A)
        await claims.release()
        broker.brokers.partitions[broker.tp].records.clear()
        broker.brokers.partitions[broker.tp].end = 0
        broker.append("dead", claim(B, "dead"))
        await claims.claim([B], 6, "member")
        async with claims.viewing(always_current) as view:
            await view.fence_others()
        assert "dead" in broker.fenced

    run(scenario())


def test_a_release_whose_markers_are_late_is_waited_for(broker, monkeypatch):
    # Far longer than a busy machine takes to get from one line to the next.
    monkeypatch.setattr(state_log, "GRACE_SECONDS", 50)

    async def scenario():
        noted(broker, A)
        broker.append("leaving", claim(A, "leaving"))
        broker.append("leaving", release_record(A, "leaving"), status="open")
        taking = asyncio.create_task(take_over(broker, A))
        await asyncio.sleep(0.005)
        broker.commit("leaving")
        await taking

    run(scenario())
    assert broker.fenced == []


def test_who_died_in_the_middle_of_a_claim_is_fenced_after_a_grace(broker):
    async def scenario():
        noted(broker, A)
        broker.append("dead", claim(B, "dead"), status="open")
        await take_over(broker, A)

    run(scenario())
    assert broker.fenced == ["dead"]


def test_a_worker_gives_way_to_a_claim_of_a_newer_generation(broker):
    async def put_out():
        return False

    noted(broker, A)
    broker.append("owner", claim(A, "owner", generation=6))
    with pytest.raises(
        OwnershipLost, match="put out of the group: .* claimed by owner in generation 6, after 5"
    ):
        run(take_over(broker, A, is_current=put_out))
    assert broker.fenced == []


def test_after_a_reset_of_the_group_claims_of_higher_generations_are_fenced(broker):
    noted(broker, A)
    broker.append("dead", claim(A, "dead", generation=60))
    run(take_over(broker, A))
    assert broker.fenced == ["dead"]


def test_the_id_of_former_versions_is_fenced_once_for_each_partition(broker):
    async def scenario():
        for _ in range(2):
            claims = await take_over(broker, A, B)
            await claims.release()

    run(scenario())
    assert broker.fenced == ["tocsin-reports-0", "tocsin-requests-0"]


def test_who_claimed_since_is_found_when_the_state_cannot_be_read(broker):
    async def scenario():
        noted(broker, A)
        claims = Claims(broker.log, await broker.writer())
        await claims.claim([A], 5, "member")
        async with claims.viewing(always_current) as view:
            await view.fence_others()
            broker.append("later", claim(A, "later"))
            await view.fence_newcomers()

    run(scenario())
    assert broker.fenced == ["later"]


def test_a_claim_of_another_version_is_fenced():
    log = ClaimsLog()
    key, _, _ = claim(A, "newer")
    log.add(key, b"\xff what this version cannot read")
    ((claimant, generation),) = log.claimants([A])
    assert (claimant, generation) == ("newer", -1)
