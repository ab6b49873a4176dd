"""What every Log promises. These tests run on the one in memory; tests/kafka/test_log.py runs the same on a
broker.
"""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError

from streams.contract.wire.topics import CLAIMS
from streams.running.errors import OwnershipLost
from streams.running.log.claims import ClaimsLog, StatePartition, claim_record, claim_value
from streams.running.log.fencing import fence, offsets_by_time
from streams.running.log.leftovers import LeftOpen
from streams.running.log.log import END, FIRST, Log, Producer
from streams.running.log.state_log import anything_follows, read_entries
from streams.running.log.transaction import FENCED, write_transaction
from streams.running.takeover.takeover import exclusive_writer
from tests.model.memory_log import Brokers

A, B = TopicPartition("a", 0), TopicPartition("b", 0)
# Of a transaction that is too short to be ended by anybody else.
SHORT_SECONDS = 1.0


class Cluster:
    """The Log under test, and what happens to it that no Log does by itself."""

    log: Log

    def tp(self, topic: str) -> TopicPartition:
        """The only partition of one of the topics a, b, compacted and claims, as the brokers call it."""
        raise NotImplementedError

    def run(self, scenario: Coroutine[Any, Any, None]) -> None:
        """Run a test."""
        asyncio.run(asyncio.wait_for(scenario, 60))

    async def compact(self, tp: TopicPartition) -> None:
        """Wait until a log is compacted."""
        raise NotImplementedError

    async def delete_records(self, tp: TopicPartition, before: int) -> None:
        """Delete the beginning of a log."""
        raise NotImplementedError

    def short_producer(self, transactional_id: str) -> Producer:
        """A producer whose transactions may last SHORT_SECONDS."""
        raise NotImplementedError


class InMemory(Cluster):
    """The Log in memory."""

    def __init__(self) -> None:
        topics = dict.fromkeys(("a", "b", "compacted", CLAIMS), 1)
        self.brokers = Brokers(topics)
        self.log = self.brokers.log()

    def tp(self, topic: str) -> TopicPartition:
        """The names are its own."""
        return TopicPartition(topic, 0)

    async def compact(self, tp: TopicPartition) -> None:
        """At once."""
        self.brokers.compact(tp)

    async def delete_records(self, tp: TopicPartition, before: int) -> None:
        """At once."""
        self.brokers.delete_records(tp, before)

    def short_producer(self, transactional_id: str) -> Producer:
        """Of all producers."""
        self.brokers.transaction_seconds = SHORT_SECONDS
        return self.log.producer(transactional_id)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    yield InMemory()


def rows(*values: str, key: bytes = b"k") -> list[tuple[bytes, bytes, list[Any]]]:
    return [(key, value.encode(), []) for value in values]


async def started(cluster: Cluster, name: str) -> Producer:
    producer = cluster.log.producer(cluster.tp("a").topic + name)
    await producer.start()
    return producer


async def append(producer: Producer, tp: TopicPartition, *values: str) -> list[int]:
    return await producer.append(*tp, rows(*values), 0)


async def read(cluster: Cluster, tp: TopicPartition, isolation: Any = "read_committed") -> list[str]:
    """All values up to the end that this isolation has, to which the position comes."""
    async with cluster.log.reader(isolation) as reader:
        reader.assign([tp])
        reader.seek(tp, (await reader.beginning_offsets([tp]))[tp])
        end = (await reader.end_offsets([tp]))[tp]
        values = []
        while await reader.position(tp) < end:
            for record in (await reader.getmany(tp, timeout_ms=100)).get(tp, ()):
                values.append(record.value.decode())
        assert await reader.position(tp) == end
        return values


async def ends(cluster: Cluster, producer: Producer, tp: TopicPartition) -> tuple[int, int]:
    """The last stable offset and the high watermark."""
    async with cluster.log.reader() as reader:
        stable = (await reader.end_offsets([tp]))[tp]
    return stable, (await offsets_by_time(producer, {tp: END}))[tp].offset


async def know(producer: Producer, *tps: TopicPartition) -> None:
    """Producers know where the logs are of which they asked before."""
    for tp in tps:
        assert len(await producer.partitions_for(tp.topic)) == 1


async def until_stable(cluster: Cluster, producer: Producer, tp: TopicPartition) -> int:
    """Wait for the markers of all that is decided."""
    while (found := await ends(cluster, producer, tp))[0] < found[1]:
        await asyncio.sleep(0.01)
    return found[1]


async def fenced(producer: Producer, tp: TopicPartition) -> bool:
    """Whether a transaction fails because the producer is fenced."""
    with pytest.raises(OwnershipLost) as lost:
        await write_transaction(producer, {tp: rows("of a zombie")}, 0)
    return lost.value.fenced


def test_a_committed_transaction_is_read_in_order_up_to_the_end_of_its_markers(cluster):
    async def scenario():
        a, b = cluster.tp("a"), cluster.tp("b")
        producer = await started(cluster, "p")
        await know(producer, a, b)
        await write_transaction(producer, {a: rows("1", "2"), b: rows("3")}, 0)
        await write_transaction(producer, {a: rows("4")}, 0)
        assert await until_stable(cluster, producer, a) == 5
        assert await read(cluster, a) == ["1", "2", "4"]
        assert await read(cluster, b) == ["3"]
        await producer.stop()

    cluster.run(scenario())


def test_what_is_open_hides_what_follows_from_read_committed_alone(cluster):
    async def scenario():
        a = cluster.tp("a")
        slow, quick = await started(cluster, "slow"), await started(cluster, "quick")
        await know(quick, a)
        await write_transaction(quick, {a: rows("before")}, 0)
        await until_stable(cluster, quick, a)
        await slow.begin_transaction()
        await append(slow, a, "open")
        await write_transaction(quick, {a: rows("after")}, 0)
        assert await read(cluster, a) == ["before"]
        assert await read(cluster, a, "read_uncommitted") == ["before", "open", "after"]
        stable, end = await ends(cluster, quick, a)
        assert stable == 2
        assert end >= 4
        await slow.commit_transaction()
        await until_stable(cluster, quick, a)
        assert await read(cluster, a) == ["before", "open", "after"]
        await slow.stop()
        await quick.stop()

    cluster.run(scenario())


def test_who_has_joined_logs_has_ended_the_transaction_before(cluster):
    async def scenario():
        a, b = cluster.tp("a"), cluster.tp("b")
        producer = await started(cluster, "p")
        await know(producer, a, b)
        for number in range(1, 6):
            await write_transaction(producer, {a: rows("1"), b: rows("2")}, 0)
            await producer.begin_transaction()
            await producer.join([b])
            assert len(await read(cluster, a)) == len(await read(cluster, b)) == 2 * number - 1
            # It takes part with and without records.
            await append(producer, a, "3")
            await append(producer, b, "4")
            await producer.commit_transaction()
            assert await until_stable(cluster, producer, b) == 4 * number
        await producer.stop()

    cluster.run(scenario())


def test_who_settles_what_a_producer_left_open_commits_it_if_it_shall_be_without_a_record(cluster):
    async def scenario():
        a = cluster.tp("a")
        heir = await started(cluster, "heir")
        await know(heir, a)
        for number, commits in enumerate((True, False)):
            producer = await started(cluster, f"p{number}")
            await know(producer, a)
            await producer.begin_transaction()
            await producer.join([a])
            # It has one, so that readers show how it was decided.
            await append(producer, a, f"commits: {commits}")
            # The second time nothing is open any more, and that is no error.
            for _ in range(2):
                while not await heir.settle(f"{a.topic}p{number}", producer if commits else None):
                    await asyncio.sleep(0.01)
                await until_stable(cluster, heir, a)
            await producer.abandon()
        assert await read(cluster, a) == ["commits: True"]
        await heir.stop()

    cluster.run(scenario())


def test_a_log_that_is_joined_without_records_has_a_marker(cluster):
    async def scenario():
        a, b = cluster.tp("a"), cluster.tp("b")
        producer = await started(cluster, "p")
        await know(producer, a, b)
        for commits in (True, False):
            await producer.begin_transaction()
            await producer.join([a, b])
            await (producer.commit_transaction() if commits else producer.abort_transaction())
        await until_stable(cluster, producer, a)
        await write_transaction(producer, {a: rows("1")}, 0)
        assert await until_stable(cluster, producer, a) == 4
        assert await read(cluster, a) == ["1"]
        await producer.stop()

    cluster.run(scenario())


def test_what_was_aborted_is_passed_over(cluster):
    async def scenario():
        a = cluster.tp("a")
        producer = await started(cluster, "p")
        await know(producer, a)
        await producer.begin_transaction()
        await append(producer, a, "aborted")
        await producer.abort_transaction()
        end = await until_stable(cluster, producer, a)
        assert await read(cluster, a) == []
        async with cluster.log.reader() as reader:
            assert not await anything_follows(reader, a, 0, end)
        await write_transaction(producer, {a: rows("committed")}, 0)
        await until_stable(cluster, producer, a)
        assert await read(cluster, a) == ["committed"]
        await producer.stop()

    cluster.run(scenario())


def test_a_fence_tells_how_the_last_transaction_ended(cluster):
    async def scenario():
        a = cluster.tp("a")
        heir = await started(cluster, "heir")
        await know(heir, a)

        async def left_by(name: str, *, commits: bool, ends: bool) -> tuple[Any, list[int]]:
            producer = await started(cluster, name)
            await producer.begin_transaction()
            appended = await append(producer, a, name)
            if ends:
                await (producer.commit_transaction() if commits else producer.abort_transaction())
            left = await fence(heir, a.topic + name)
            assert await fence(heir, a.topic + name) is None
            await producer.abandon()
            await until_stable(cluster, heir, a)
            return left, [appended[0].timestamp]

        assert await fence(heir, a.topic + "nobody") is None
        left, _ = await left_by("committed", commits=True, ends=True)
        assert left == LeftOpen()
        for ends in (True, False):
            left, (appended_at,) = await left_by(f"aborted-{ends}", commits=False, ends=ends)
            assert left.logs is None
            assert appended_at - 10_000 < left.aborted_since <= appended_at
        assert await read(cluster, a) == ["committed"]
        await heir.stop()

    cluster.run(scenario())


def test_a_fence_ends_what_is_open_with_all_markers(cluster):
    async def scenario():
        a, b = cluster.tp("a"), cluster.tp("b")
        zombie, heir = await started(cluster, "zombie"), await started(cluster, "heir")
        await know(heir, a, b)
        await zombie.begin_transaction()
        await append(zombie, a, "1")
        await append(zombie, b, "2")
        await fence(heir, a.topic + "zombie")
        for tp in (a, b):
            stable, end = await ends(cluster, heir, tp)
            assert stable == end == 2
            assert await read(cluster, tp) == []
        with suppress(Exception):
            await append(zombie, a, "3")
        with pytest.raises(Exception):  # whatever it is, see failure()
            await zombie.commit_transaction()
        assert isinstance(zombie.failure(), FENCED)
        assert await fenced(zombie, a)
        assert await read(cluster, a) == []
        await write_transaction(heir, {a: rows("4")}, 0)
        await until_stable(cluster, heir, a)
        assert await read(cluster, a) == ["4"]
        await zombie.abandon()
        await heir.stop()

    cluster.run(scenario())


def test_who_is_fenced_between_two_transactions_begins_no_other(cluster):
    async def scenario():
        a = cluster.tp("a")
        zombie, heir = await started(cluster, "zombie"), await started(cluster, "heir")
        await know(heir, a)
        await write_transaction(zombie, {a: rows("1")}, 0)
        await fence(heir, a.topic + "zombie")
        assert await fenced(zombie, a)
        await until_stable(cluster, heir, a)
        assert await read(cluster, a) == ["1"]
        await zombie.abandon()
        await heir.stop()

    cluster.run(scenario())


def test_a_producer_that_starts_with_the_same_id_fences_the_older_one(cluster):
    async def scenario():
        a = cluster.tp("a")
        older = await started(cluster, "same")
        await older.begin_transaction()
        await append(older, a, "1")
        newer = await started(cluster, "same")
        await write_transaction(newer, {a: rows("2")}, 0)
        with pytest.raises(Exception):  # whatever it is, see failure()
            await older.commit_transaction()
        assert isinstance(older.failure(), FENCED)
        await until_stable(cluster, newer, a)
        assert await read(cluster, a) == ["2"]
        await older.abandon()
        await newer.stop()

    cluster.run(scenario())


def test_an_id_that_nobody_used_can_be_fenced(cluster):
    async def scenario():
        producer = await started(cluster, "p")
        await fence(producer, cluster.tp("a").topic + "nobody")
        await producer.stop()

    cluster.run(scenario())


def test_transactions_are_listed_while_they_are_open(cluster):
    async def scenario():
        a = cluster.tp("a")
        producer = await started(cluster, "p")
        other = await started(cluster, "other")
        await know(other, a)
        await producer.begin_transaction()
        await append(producer, a, "1")
        assert a.topic + "p" in await other.open_transactions()
        await producer.commit_transaction()
        await until_stable(cluster, other, a)
        await fence(other, a.topic + "p")
        assert a.topic + "p" not in await other.open_transactions()
        await producer.abandon()
        await other.stop()

    cluster.run(scenario())


def test_offsets_are_found_by_the_times_at_which_brokers_appended(cluster):
    async def scenario():
        a = cluster.tp("a")
        producer = await started(cluster, "p")
        await know(producer, a)
        await producer.begin_transaction()
        (first,) = await append(producer, a, "1", "2")
        await asyncio.sleep(0.01)
        (second,) = await append(producer, a, "3")
        await producer.commit_transaction()
        await until_stable(cluster, producer, a)
        for at, expected in (
            (FIRST, (0, -1)),
            (first.timestamp, (0, first.timestamp)),
            (second.timestamp, (2, second.timestamp)),
        ):
            assert (await offsets_by_time(producer, {a: at}))[a] == expected
        assert (await offsets_by_time(producer, {a: second.timestamp + 3_600_000}))[a] == (-1, -1)
        await producer.stop()

    cluster.run(scenario())


def test_a_reader_goes_where_it_is_sent_and_takes_no_more_than_it_asked_for(cluster):
    async def scenario():
        a, b = cluster.tp("a"), cluster.tp("b")
        producer = await started(cluster, "p")
        await know(producer, a)
        await write_transaction(producer, {a: rows("1", "2", "3"), b: rows("4")}, 0)
        await until_stable(cluster, producer, a)
        async with cluster.log.reader() as reader:
            reader.assign([a])
            for offset, value in ((0, b"1"), (2, b"3"), (1, b"2")):
                reader.seek(a, offset)
                found = {}
                while not found:
                    found = await reader.getmany(a, timeout_ms=100, max_records=1)
                (record,) = found[a]
                assert (record.offset, record.value, record.timestamp_type) == (offset, value, 1)
                assert await reader.position(a) == offset + 1
            reader.assign([b])
            reader.seek(b, 2)
            assert not await reader.getmany(b, timeout_ms=20)
        await producer.stop()

    cluster.run(scenario())


def test_a_log_without_its_beginning_begins_later(cluster):
    async def scenario():
        a = cluster.tp("a")
        producer = await started(cluster, "p")
        await know(producer, a)
        await write_transaction(producer, {a: rows("1", "2", "3")}, 0)
        await until_stable(cluster, producer, a)
        await cluster.delete_records(a, 2)
        assert (await offsets_by_time(producer, {a: FIRST}))[a].offset == 2
        assert await read(cluster, a) == ["3"]
        await producer.stop()

    cluster.run(scenario())


def test_a_compacted_log_has_gaps_and_the_last_value_of_each_key(cluster):
    async def scenario():
        tp = cluster.tp("compacted")
        producer = await started(cluster, "p")
        await know(producer, tp)
        for number in range(5):
            written = rows(f"v{number}") + rows("stays", key=b"%d" % number)
            await write_transaction(producer, {tp: [*written, (b"gone", None, [])]}, 0)
        await until_stable(cluster, producer, tp)
        await cluster.compact(tp)
        end = (await ends(cluster, producer, tp))[1]
        async with cluster.log.reader() as reader:
            entries, records = await read_entries(reader, tp, end)
        assert entries == {b"k": b"v4"} | {b"%d" % number: b"stays" for number in range(5)}
        # Fifteen records and five markers, and as many fillers, each with its marker, as the cleaner let pass.
        assert records < 15 + (end - 20) // 2
        await producer.stop()

    cluster.run(scenario())


def test_a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced(cluster):
    async def scenario():
        a = cluster.tp("a")
        producer = cluster.short_producer(a.topic + "late")
        other = await started(cluster, "other")
        await producer.start()
        await know(other, a)
        await producer.begin_transaction()
        await append(producer, a, "late")
        assert (await ends(cluster, other, a))[0] == 0
        assert await until_stable(cluster, other, a) == 2
        assert await read(cluster, a) == []
        with pytest.raises(Exception):  # whatever it is, see failure()
            await producer.commit_transaction()
        assert isinstance(producer.failure(), FENCED)
        await producer.abandon()
        await other.stop()

    cluster.run(scenario())


def test_a_takeover_ends_what_a_claimant_left_open(cluster):
    async def scenario():
        claims, a = cluster.tp(CLAIMS), cluster.tp("a")
        prefix = claims.topic.removesuffix(CLAIMS)
        place, dead = StatePartition("stage", 0), prefix + "tocsin-dead"
        producer = cluster.log.producer(dead)
        await producer.start()
        await write_transaction(producer, {claims: [claim_record(place, dead, claim_value(7, "m"))]}, 0)
        await producer.begin_transaction()
        await append(producer, a, "half of it")
        async with exclusive_writer(cluster.log, prefix, [place]) as writer:
            await writer.partition_count(a.topic)
            assert (await ends(cluster, writer._started(), a))[0] == (await writer.ends([a]))[a] == 2
            await writer.write({a: rows("all of it")})
        with pytest.raises(Exception):  # whatever it is, see failure()
            await producer.commit_transaction()
        assert isinstance(producer.failure(), FENCED)
        async with cluster.log.reader() as reader:
            end = (await reader.end_offsets([claims]))[claims]
            entries, _ = await read_entries(reader, claims, end)
        seen = ClaimsLog()
        for key, value in entries.items():
            seen.add(key, value)
        assert not seen.claimants([place])
        assert await read(cluster, a) == ["all of it"]
        await producer.abandon()

    cluster.run(scenario())


def test_without_a_leader_offsets_wait_and_fetches_return_nothing():
    cluster = InMemory()
    log = cluster.brokers.partitions[A]

    async def scenario():
        producer = await started(cluster, "p")
        await write_transaction(producer, {A: rows("1")}, 0)
        await until_stable(cluster, producer, A)
        log.has_leader = False
        asking = asyncio.create_task(offsets_by_time(producer, {A: END}))
        async with cluster.log.reader() as reader:
            reader.assign([A])
            assert not await reader.getmany(A)
            ending = asyncio.create_task(reader.end_offsets([A]))
            await asyncio.sleep(0.1)
            assert not asking.done()
            assert not ending.done()
            log.has_leader = True
            assert (await asking)[A].offset == (await ending)[A] == 2

    cluster.run(scenario())


def test_a_transaction_without_a_leader_of_one_log_is_given_up(monkeypatch):
    cluster = InMemory()
    monkeypatch.setattr("tests.model.memory_log.TRANSACTION_SECONDS", 0.1)

    async def scenario():
        producer = await started(cluster, "p")
        cluster.brokers.partitions[B].has_leader = False
        with pytest.raises(OwnershipLost, match="KafkaTimeoutError") as lost:
            await write_transaction(producer, {A: rows("1"), B: rows("2")}, 0)
        assert isinstance(lost.value.__cause__, KafkaTimeoutError)
        assert await read(cluster, A) == []

    cluster.run(scenario())


__all__ = [name for name in globals() if name.startswith("test_") and "leader" not in name]
