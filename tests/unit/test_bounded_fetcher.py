"""What hostile batches take in memory between the broker's answer and Faust: by aiokafka's own fetcher."""

import asyncio
import time
import tracemalloc
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import consumer, fetcher
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streams.contract.wire.records import HEADERS_DROPPED, NOT_UNPACKED
from streams.running.log import memory
from streams.running.patches import bounded_fetcher
from streams.running.patches.bounded_fetcher import BoundedFetcher
from streams.running.patches.install import install_patches
from streams.running.patches.record_bytes import CHUNK_BYTES
from streams.running.patches.unpacking import MAX_UNPACKED_BYTES
from tests.hostile_batches import batch, record, varint

TP = TopicPartition("reports", 0)
GZIP = 1
MIB = 1 << 20


@pytest.fixture(autouse=True)
def patched(monkeypatch):
    for module, name in (
        (fetcher, "MemoryRecords"),
        (fetcher, "PartitionRecords"),
        (fetcher, "FetchResult"),
        (consumer, "Fetcher"),
        (consumer, "GroupCoordinator"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
    install_patches()


def repeated(made, times):
    """The batch of one record so many times. Its checksum does not cover the offset."""
    return b"".join(offset.to_bytes(8, "big") + made[8:] for offset in range(times))


class Cluster:
    """Answers with the bytes of each partition from the requested offset on; notes how many were requested."""

    def __init__(self, logs):
        self._loop = asyncio.get_running_loop()
        self._metadata_max_age_ms = 1_000
        self.cluster = SimpleNamespace(leader_for_partition=lambda _: 1, broker_metadata=lambda _: None)
        self.requested = []
        self.requests = []
        self._logs = logs

    async def send(self, _node, request):
        self.requests.append(request._max_wait_ms)
        topics = []
        for topic, rows in request.topics:
            found = []
            for partition, position, _ in rows:
                tp = TopicPartition(topic, partition)
                self.requested.append(tp)
                data = self._logs[tp] if position == 0 else b""
                found.append((partition, 0, 1 << 40, 1 << 40, [], data))
            topics.append((topic, found))
        await asyncio.sleep(0.001)
        return SimpleNamespace(API_VERSION=4, topics=topics)


def reading(logs, scenario):
    async def run():
        subscriptions = SubscriptionState()
        subscriptions.assign_from_user(set(logs))
        for tp in logs:
            subscriptions.seek(tp, 0)
        made = BoundedFetcher(
            Cluster(logs), subscriptions, isolation_level="read_committed", auto_offset_reset="none"
        )
        found = await scenario(made)
        await made.close()
        return found

    return asyncio.run(run())


def ranges(data, records, keep=lambda found: None):
    """Poll until so many records were read; check that the ranges join; return what `keep` makes of each."""

    async def scenario(made):
        kept, end = [], 0
        while end < records:
            found = (await made.fetched_records([TP], timeout=5)).get(TP)
            assert found, "the fetcher has nothing, although records are left"
            assert (found.begin, [row.offset for row in found]) == (end, list(range(end, found.end)))
            end = found.end
            kept.append(keep(found))
        assert end == records
        return kept

    return reading({TP: data}, scenario)


def peak_mib(run):
    tracemalloc.start()
    try:
        found = run()
        return found, tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


def test_batches_beyond_the_limit_are_never_in_memory():
    bombs = repeated(batch(record(0, bytes(60 * MIB)), 1), 12)
    assert len(bombs) < 30_000
    found, peak = peak_mib(lambda: ranges(bombs, 12, lambda found: [row.headers for row in found]))
    assert sum(found, []) == [NOT_UNPACKED] * 12
    assert peak < 10


def test_of_batches_within_the_limit_one_at_a_time_is_in_memory():
    size = MAX_UNPACKED_BYTES - 100
    large = repeated(batch(record(0, bytes(size)), 1), 12)
    found, peak = peak_mib(lambda: ranges(large, 12, lambda found: (len(found), len(found[0].value))))
    assert found == [(1, size)] * 12
    # The unpacked batch and the record's value.
    assert peak < 3 * MAX_UNPACKED_BYTES / MIB + 5


def test_a_record_of_three_million_headers_makes_no_object_for_each():
    bomb = batch(record(0, b"{}", varint(3_000_000) + bytes(6_000_000)), 1)
    assert len(bomb) < 1_000
    ((row,),), peak = peak_mib(lambda: ranges(bomb, 1, list))
    assert (row.value, row.headers) == (b"{}", ((HEADERS_DROPPED, b"3000000"),))
    assert peak < 20


def test_many_records_with_many_headers_each_are_read_a_chunk_at_a_time():
    # Below the limit of headers, so they are kept, and 40 bytes of objects each for one on the log.
    each = varint(250) + b"\x02a\x02b" * 250
    count = 1_500
    bombs = batch(b"".join(record(n, b"", each) for n in range(count)), count)
    found, peak = peak_mib(lambda: ranges(bombs, count, lambda found: (len(found), found.memory)))
    assert max(taken for _, taken in found) < memory.MAX_POLLED_BYTES + 3 * MIB
    assert sum(number for number, _ in found) == count
    assert peak < 30


@pytest.mark.slow
def test_a_hundred_thousand_empty_records_are_read_a_poll_at_a_time():
    count = 100_000
    bomb = batch(b"".join(record(n, b"") for n in range(count)), count)

    def keep(found):
        return len(found), found.memory

    found = ranges(bomb, count, keep)
    chunk = CHUNK_BYTES // 8 * (memory.RECORD_OVERHEAD_BYTES + 8)
    assert len(found) > 5
    for number, taken in found:
        assert memory.RECORD_OVERHEAD_BYTES * number <= taken + chunk
        assert taken <= memory.MAX_POLLED_BYTES + chunk


def test_a_range_counts_keys_and_headers():
    builder = DefaultRecordBatchBuilder(2, GZIP, False, 7, 1, 0, 16 * MIB)
    for number in range(3):
        builder.append(number, 1000, bytes(500_000), b"v", [("trace", bytes(500_000))])
    (taken,) = ranges(bytes(builder.build()), 3, lambda found: found.memory)
    assert 3_000_000 < taken < 3_010_000


def test_partitions_share_the_memory_of_a_poll_and_take_turns():
    count = 20_000
    bomb = batch(b"".join(record(n, b"x" * 400) for n in range(count)), count)
    logs = {TopicPartition("reports", number): bomb for number in range(3)}

    async def scenario(made):
        taken, turns, ends = [], [], dict.fromkeys(logs, 0)
        while min(ends.values()) < count:
            # All three wait before the first poll.
            while not taken and len(made._records) < 3:
                await asyncio.sleep(0.001)
            drained = await made.fetched_records(list(logs), timeout=5)
            taken.append(sum(found.memory for found in drained.values()))
            for tp, found in drained.items():
                assert found.begin == ends[tp]
                ends[tp] = found.end
                turns.append(tp)
        return taken, turns

    taken, turns = reading(logs, scenario)
    assert max(taken) < memory.MAX_POLLED_BYTES + 1_000_000
    assert len(set(turns[:3])) == 3


def test_no_more_is_requested_while_enough_waits_to_be_unpacked(monkeypatch):
    data = batch(record(0, b"x"), 1)
    monkeypatch.setattr(bounded_fetcher, "MAX_HELD_BYTES", len(data))
    logs = {TP: data, TopicPartition("requests", 0): b""}

    async def scenario(made):
        made._prefetch_backoff = 0
        while TP not in made._records:
            await asyncio.sleep(0.001)
        made._records[TP]._backoff = 0
        asked = made._client.requested
        before = len(asked)
        made._notify(made._wait_consume_future)
        await asyncio.sleep(0.05)
        assert len(asked) <= before + 1
        held = len(asked)
        assert TP in await made.fetched_records([TP], timeout=1)
        await asyncio.sleep(0.05)
        assert len(asked) > held

    reading(logs, scenario)


def test_the_next_poll_frees_the_unpacked_bytes_of_a_batch_that_is_half_read():
    count = 30_000
    bomb = batch(b"".join(record(n, b"x" * 400) for n in range(count)), count)

    async def scenario(made):
        found = (await made.fetched_records([TP], timeout=5))[TP]
        assert len(found) < count
        return tracemalloc.get_traced_memory()[0] / MIB, len(found)

    (left, read), _ = peak_mib(lambda: reading({TP: bomb}, scenario))
    # The records of the range, of about 700 bytes each, without the other 12 MiB of the batch.
    assert left < read * 900 / MIB + 2


COLLECTING_SECONDS = 0.03


def collecting(data, monkeypatch):
    """The first three fetches: how long its broker might hold each back, in ms, and how often it was asked
    before it how long to wait, which was so twice; and how long after the first the second was sent, in
    seconds.
    """
    monkeypatch.setattr(bounded_fetcher, "time", SimpleNamespace(monotonic=lambda: 1_000.0))

    async def scenario(made):
        sent, asked, plain = [], [], made._client.send

        def collects(fetched_at):
            assert fetched_at == 1_000.0
            asked.append(fetched_at)
            return COLLECTING_SECONDS if len(asked) < 3 else 0.0

        made.collects = collects

        async def send(node, request):
            sent.append((time.monotonic(), request._max_wait_ms, len(asked)))
            asked.clear()
            return await plain(node, request)

        made._client.send = send
        while TP not in made._records:
            await asyncio.sleep(0.001)
        await made.fetched_records([TP], timeout=1)
        while len(sent) < 3:
            await asyncio.sleep(0.001)
        return sent[:3]

    fetches = reading({TP: data, TopicPartition("requests", 0): b""}, scenario)
    return [wait for _, wait, _ in fetches], [asked for _, _, asked in fetches], fetches[1][0] - fetches[0][0]


def test_after_records_the_next_fetch_gives_others_time_to_come(monkeypatch):
    waits, asked, between = collecting(batch(record(0, b"x"), 1), monkeypatch)
    assert waits[0] == bounded_fetcher.IDLE_MS
    # The second found nothing, so what comes next is wanted at once.
    assert asked == [0, 3, 0]
    assert between > 2 * COLLECTING_SECONDS


def test_with_a_backlog_fetches_follow_one_another(monkeypatch):
    monkeypatch.setattr(bounded_fetcher, "COLLECTED_BYTES", 1)
    _, asked, _ = collecting(batch(record(0, b"x"), 1), monkeypatch)
    assert asked == [0, 0, 0]


def test_a_fetch_that_leaves_a_partition_out_is_not_held_back_for_long():
    async def scenario(made):
        made.collects = lambda _: 0.0
        while TP not in made._records:
            await asyncio.sleep(0.001)
        made._records[TP]._backoff = 0
        made._notify(made._wait_consume_future)
        while len(made._client.requests) < 2:
            await asyncio.sleep(0.001)
        return made._client.requests[1]

    logs = {TP: batch(record(0, b"x"), 1), TopicPartition("requests", 0): b""}
    assert reading(logs, scenario) == bounded_fetcher.PARTIAL_MS


def test_what_is_applied_is_not_fetched():
    applied, sought, ahead, other = logs = [TopicPartition("internal", number) for number in range(4)]

    async def scenario(made):
        assignment = made._subscriptions.subscription.assignment
        request = FetchRequest(500, 1, 1_000, 1, [("internal", [(tp.partition, 0, 100) for tp in logs])])
        made.applied = {applied: 7, sought: 7, ahead: 0}
        # While the request waited for more to come together.
        made._subscriptions.seek(sought, 3)
        made.pass_over_applied(assignment, request)
        return [place[1] for _, places in request.topics for place in places], [
            assignment.state_value(tp).position for tp in logs
        ]

    # aiokafka drops what is fetched from elsewhere than the position.
    assert reading(dict.fromkeys(logs, b""), scenario) == ([7, 0, 0, 0], [7, 3, 0, 0])


def test_a_fetch_begins_behind_what_is_applied():
    async def scenario(made):
        made.collects = lambda _: 0.0
        made.applied = {TP: 7}
        sent, plain = [], made._client.send

        async def send(node, request):
            sent.extend(request.topics)
            return await plain(node, request)

        made._client.send = send
        while not sent:
            await asyncio.sleep(0.001)
        return sent[0][1][0][:2]

    assert reading({TP: batch(record(0, b"x"), 1)}, scenario) == (0, 7)


def test_with_a_backlog_every_partition_has_its_turn(monkeypatch):
    """The broker's answers hold one partition each; without an order a random one."""
    data = batch(record(0, b"x" * 1_000), 1)
    logs = {TopicPartition(topic, n): data for topic in ("a", "b") for n in range(10)}

    async def scenario(made):
        made.collects = lambda _: 0.0
        first_of = []
        plain = made._client.send

        async def send(node, request):
            topic, rows = request.topics[0]
            first_of.append(TopicPartition(topic, rows[0][0]))
            request._topics = [(topic, rows[:1])]
            # Always at the beginning: a backlog without an end.
            return await plain(node, request)

        made._client.send = send
        while len(first_of) < len(logs):
            for tp in await made.fetched_records(list(logs), timeout=1):
                made._subscriptions.seek(tp, 0)
        return first_of[: len(logs)]

    monkeypatch.setattr(bounded_fetcher, "COLLECTED_BYTES", 1)
    assert set(reading(logs, scenario)) == set(logs)


def test_while_a_partition_has_no_leader_the_brokers_are_not_asked_all_the_time(monkeypatch):
    monkeypatch.setattr(bounded_fetcher, "LEADERS_SECONDS", 0.1)
    away = TopicPartition("requests", 0)

    async def scenario(made):
        asked, client = [], made._client
        client.cluster.leader_for_partition = lambda tp: -1 if tp == away else 1

        async def answer():
            asked.append(time.monotonic())

        client.force_metadata_update = lambda: asyncio.ensure_future(answer())
        began = time.monotonic()
        while len(asked) < 3:
            await asyncio.sleep(0.001)
        # The partition with a leader is read meanwhile.
        assert TP in await made.fetched_records([TP], timeout=1)
        return time.monotonic() - began

    assert reading({TP: batch(record(0, b"x"), 1), away: b""}, scenario) > 0.2
