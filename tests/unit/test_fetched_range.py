"""Ranges of records, fetched by aiokafka's own fetcher from logs with markers, gaps and aborted records."""

import asyncio
import struct
from contextlib import contextmanager
from itertools import pairwise
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from streams.running.log.memory import RECORD_OVERHEAD_BYTES
from streams.running.patches import (
    bounded_fetcher,
    fetched_range,
    lenient_batch,
    lenient_records,
    record_bytes,
)
from streams.running.patches.bounded_fetcher import BoundedFetcher
from streams.running.patches.fetched_range import FetchedRange

TP = TopicPartition("reports", 3)
AIOKAFKAS = fetcher.FetchResult, fetcher.MemoryRecords
PRODUCER = 7
ABORT, COMMIT = 0, 1
ZSTD = 4
# A record of `batch`: a length, six numbers of one byte, and key and value of one byte.
RECORD_BYTES = 9
CRC_AT, ATTRIBUTES_AT = 17, 21
CONTROL = 0x20


@pytest.fixture(autouse=True)
def ranges():
    fetched_range.install_fetched_range()
    lenient_records.install_lenient_records()
    yield
    fetcher.FetchResult, fetcher.MemoryRecords = AIOKAFKAS


def batch(base, records, *, transactional=False, marker=None):
    codec = ZSTD if base % 2 and marker is None else 0
    builder = DefaultRecordBatchBuilder(
        2, codec, transactional, PRODUCER if transactional else -1, 1, 0, 1 << 20
    )
    for number in range(records):
        key = b"k" if marker is None else struct.pack(">HH", 0, marker)
        assert builder.append(number, 1_000 + number, key, b"v", [])
    made = bytearray(builder.build())
    if marker is not None:
        made[ATTRIBUTES_AT + 1] |= CONTROL
        made[CRC_AT:ATTRIBUTES_AT] = calc_crc32c(made[ATTRIBUTES_AT:]).to_bytes(4, "big")
    made[:8] = base.to_bytes(8, "big")
    return bytes(made)


class Log:
    """A partition of parts (kind, size): plain records, a committed or aborted transaction, compaction."""

    def __init__(self, parts):
        self.end = 0
        self.visible = []
        self.aborted = []
        # First offset, the offset after the last one, and the bytes of the batch.
        self._batches = []
        for kind, size in parts:
            if kind == "compacted":
                self.end += size
                continue
            if kind == "aborted":
                # Producer, first offset, and the marker's offset of each aborted transaction.
                self.aborted.append((PRODUCER, self.end, self.end + size))
            else:
                self.visible += range(self.end, self.end + size)
            self._append(size, transactional=kind != "plain")
            if kind != "plain":
                self._append(1, transactional=True, marker=ABORT if kind == "aborted" else COMMIT)
        # Kafka never compacts the last batch.
        self.end = self._batches[-1][1] if self._batches else 0

    def _append(self, size, **options):
        self._batches.append((self.end, self.end + size, batch(self.end, size, **options)))
        self.end += size

    def fetch(self, position, batches):
        found = [data for _, behind, data in self._batches if behind > position]
        return b"".join(found[:batches])


class Cluster:
    """Answers each fetch with a fixed number of batches of the log, whatever size is requested."""

    def __init__(self, log, batches):
        self._loop = asyncio.get_running_loop()
        self._metadata_max_age_ms = 1_000
        self.cluster = SimpleNamespace(leader_for_partition=lambda _: 1, broker_metadata=lambda _: None)
        self._log = log
        self._batches = batches

    async def send(self, _node, request):
        ((topic, ((partition, position, _),)),) = request.topics
        data = self._log.fetch(position, self._batches)
        if not data:
            await asyncio.sleep(0.001)
        aborted = [(producer, first) for producer, first, marker in self._log.aborted if marker >= position]
        row = (partition, 0, self._log.end, self._log.end, aborted, data)
        return SimpleNamespace(API_VERSION=4, topics=[(topic, [row])])


async def start(log, batches):
    subscriptions = SubscriptionState()
    subscriptions.assign_from_user({TP})
    subscriptions.seek(TP, 0)
    return BoundedFetcher(
        Cluster(log, batches), subscriptions, isolation_level="read_committed", auto_offset_reset="none"
    )


@contextmanager
def room_for(records):
    """Lets a poll give out so many records at a time, read in chunks of two; None for the usual limits."""
    with pytest.MonkeyPatch.context() as patch:
        if records is not None:
            patch.setattr(bounded_fetcher, "MAX_POLLED_BYTES", records * RECORD_OVERHEAD_BYTES)
            for module in (record_bytes, lenient_batch):
                patch.setattr(module, "CHUNK_BYTES", 2 * RECORD_BYTES)
        yield


def read(parts, *, batches=2, max_records=None, seeks=None, room=None, pauses=()):
    """Read all ranges of a log, and return the log, the ranges, and (offset, next range) of each seek.

    `seeks` maps a number of ranges read to the offset to seek then. After the numbers of polls in `pauses`,
    the partition is paused for one poll.
    """
    log = Log(parts)
    sought = []

    async def run():
        reading = await start(log, batches)
        state = reading._subscriptions.subscription.assignment.state_value(TP)
        found, waiting, left = [], None, dict(seeks or {})
        polls = 0
        while state.position < log.end or waiting is not None:
            polls += 1
            if polls in pauses:
                reading._subscriptions.pause(TP)
                assert await reading.fetched_records([TP], timeout=0.001) == {}
                reading._subscriptions.resume(TP)
            drained = await reading.fetched_records([TP], timeout=0.01, max_records=max_records)
            if TP in drained:
                if waiting is not None:
                    sought.append((waiting, drained[TP]))
                    waiting = None
                found.append(drained[TP])
            elif state.position >= log.end:
                break
            if len(found) in left:
                waiting = min(left.pop(len(found)), log.end)
                reading.seek_to(TP, waiting)
        await reading.close()
        return found

    with room_for(room):
        return log, asyncio.run(run()), sought


def offsets(records):
    return [record.offset for record in records]


PARTS = st.lists(
    st.tuples(st.sampled_from(["plain", "committed", "aborted", "compacted"]), st.integers(1, 4)), max_size=12
)


LIMITS = st.one_of(st.none(), st.integers(1, 3))


@given(PARTS, st.integers(1, 4), LIMITS, LIMITS, st.sets(st.integers(1, 12), max_size=3))
def test_each_range_begins_where_the_one_before_ended(parts, batches, max_records, room, pauses):
    log, found, _ = read(parts, batches=batches, max_records=max_records, room=room, pauses=pauses)
    assert [offset for records in found for offset in offsets(records)] == log.visible
    assert all(type(records) is FetchedRange for records in found)
    assert [records.begin for records in found[:1]] in ([], [0])
    assert all(before.end == records.begin for before, records in pairwise(found))
    for records in found:
        assert offsets(records) == [o for o in log.visible if records.begin <= o < records.end]


@given(PARTS, st.integers(1, 4), st.dictionaries(st.integers(0, 5), st.integers(0, 40), max_size=3), LIMITS)
def test_no_record_lies_between_the_begin_of_a_range_and_the_sought_offset(parts, batches, seeks, room):
    log, _, sought = read(parts, batches=batches, max_records=None if room else 2, seeks=seeks, room=room)
    for offset, records in sought:
        assert records.begin <= offset < records.end
        assert not [o for o in log.visible if records.begin <= o < offset]


def test_fetches_without_records_are_added_to_the_next_range():
    parts = [("plain", 2), ("aborted", 3), ("aborted", 1), ("committed", 1), ("compacted", 5), ("plain", 1)]
    _, found, _ = read(parts, batches=1)
    assert [(records.begin, records.end, offsets(records)) for records in found] == [
        (0, 2, [0, 1]),
        (2, 9, [8]),
        (9, 16, [15]),
    ]


def test_the_rest_of_a_fetch_is_a_separate_range():
    _, found, _ = read([("committed", 4), ("plain", 1)], batches=3, max_records=2)
    # No record follows the marker at 4 in this fetch, so the marker is added to the next range.
    assert [(records.begin, records.end) for records in found] == [(0, 2), (2, 4), (4, 6)]


def test_a_range_ends_where_its_records_take_the_memory_of_a_poll():
    _, found, _ = read([("plain", 5), ("aborted", 2), ("plain", 4)], batches=3, room=3)
    # In chunks of two: a range ends with the chunk that reaches the limit.
    assert [(records.begin, records.end, offsets(records)) for records in found] == [
        (0, 4, [0, 1, 2, 3]),
        (4, 8, [4]),
        (8, 12, [8, 9, 10, 11]),
    ]


def test_records_before_a_damaged_batch_are_read_again():
    log = Log([("plain", 2), ("plain", 2)])
    whole = log.fetch(0, 2)
    damaged = whole[:-1] + b"\xff"

    async def run():
        reading = await start(log, 2)
        log.fetch = lambda position, batches: damaged
        with pytest.raises(CorruptRecordException):
            await reading.fetched_records([TP], timeout=1)
        log.fetch = lambda position, batches: whole
        drained = {}
        while not drained:
            drained = await reading.fetched_records([TP], timeout=1)
        await reading.close()
        return drained[TP]

    found = asyncio.run(run())
    assert (found.begin, found.end, offsets(found)) == (0, 4, [0, 1, 2, 3])
