"""Batches that the native core reads have the records that Python reads in them."""

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import example, given
from hypothesis import strategies as st

from streams.contract.wire.records import HEADERS_DROPPED, MAX_HEADERS
from streams.running.log.memory import RECORD_OVERHEAD_BYTES
from streams.running.patches import native_batch
from streams.running.patches.fetched_records import FetchedRecord, PartitionRecords
from streams.running.patches.lenient_records import LenientRecords
from streams.running.patches.native_batch import NativePartitionRecords, NativeRecords
from streams.running.patches.record_bytes import CHUNK_BYTES
from streams.running.patches.unpacking import RECORDS_AT
from tests.tools import native_core

native_core()

from tocsin_native import FetchedRecord as NativelyFetched  # noqa: E402
from tocsin_native import read_records  # noqa: E402

TP = TopicPartition("message-reports", 3)
NONE, ZSTD = 0, 4

optional = st.none() | st.binary(max_size=6) | st.binary(min_size=100, max_size=300)
headers = st.lists(st.tuples(st.text(max_size=5), optional), max_size=4)
rows = st.lists(st.tuples(optional, optional, headers), min_size=1, max_size=6)


def batch(rows, codec=NONE, base=7, log_append=False):
    builder = DefaultRecordBatchBuilder(2, codec, False, -1, -1, -1, 1 << 24)
    for number, (key, value, held) in enumerate(rows):
        assert builder.append(number, 1_000 + 3 * number, key, value, held)
    data = bytearray(builder.build())
    data[:8] = base.to_bytes(8, "big")
    if log_append:
        data[22] |= 8
    return bytes(data)


def read(data, natively):
    """The records, and the bytes that they count as."""
    records, parts = (
        (NativeRecords(data), NativePartitionRecords)
        if natively
        else (LenientRecords(data), PartitionRecords)
    )
    return list(parts(TP, records, [], 0, None, None, False, READ_COMMITTED)), records.given.memory


def fields(record):
    return {name: getattr(record, name) for name in FetchedRecord._fields} | {"headers": list(record.headers)}


@given(rows, st.sampled_from([NONE, ZSTD]), st.booleans())
def test_records_are_those_that_python_reads(rows, codec, log_append):
    data = batch(rows, codec, log_append=log_append)
    found, _ = read(data, natively=True)
    assert all(type(record) is NativelyFetched for record in found)
    assert [fields(record) for record in found] == [
        fields(record) for record in read(data, natively=False)[0]
    ]


@given(rows, st.data())
@example([(b"k", b"v", [("a", b"b")])], None)
def test_damaged_records_are_read_or_refused_as_python_does(rows, data):
    made = bytearray(batch(rows))
    if data is None:
        # A name that is no text.
        made[-3] = 0xFF
    else:
        for _ in range(data.draw(st.integers(1, 3))):
            made[data.draw(st.integers(RECORDS_AT, len(made) - 1))] = data.draw(st.integers(0, 255))
    found, wanted = (read(bytes(made), natively=natively)[0] for natively in (True, False))
    assert [fields(record) for record in found] == [fields(record) for record in wanted]


@given(st.binary(max_size=60), st.integers(1, 3))
def test_any_bytes_are_read_as_python_reads_them_or_left_to_it(content, count):
    found = read_records(content, (0, len(content)), count, ("t", 0, 5), (0, 10, 20))
    if found is not None:
        made = bytearray(batch([(None, None, [])] * count, base=5))
        made[27:35], made[35:43] = (10).to_bytes(8, "big"), (20).to_bytes(8, "big")
        made[RECORDS_AT:] = content
        made[8:12] = (len(made) - 12).to_bytes(4, "big")
        wanted, _ = read(bytes(made), natively=False)
        assert [(r.offset, r.timestamp, r.key, r.value, r.headers) for r in found] == [
            (r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in wanted
        ]


def test_bytes_that_are_no_record_are_left_to_python():
    whole = batch([(b"k", b"v", [("a", b"b")])])[RECORDS_AT:]
    place, times = ("t", 0, 0), (0, 0, 0)
    assert read_records(whole, (0, len(whole)), 1, place, times) is not None
    for bad in (b"", whole[:-1], whole + b"\0", b"\xff" * 12, b"\x01" + whole[1:], whole[:1] + b"\x80" * 11):
        assert read_records(bad, (0, len(bad)), 1, place, times) is None
    assert read_records(whole, (0, len(whole) + 1), 1, place, times) is None
    assert read_records(whole, (2, 1), 1, place, times) is None
    # An offset or a time that no 64 bits hold.
    further = batch([(None, None, [])] * 2)[RECORDS_AT:]
    assert read_records(further, (0, len(further)), 2, ("t", 0, (1 << 63) - 1), times) is None
    assert read_records(further, (0, len(further)), 2, place, (0, (1 << 63) - 1, 0)) is None


def test_a_record_with_very_many_headers_is_pythons():
    most, more = ([("h", b"")] * number for number in (MAX_HEADERS, MAX_HEADERS + 1))
    found, _ = read(batch([(b"k", b"v", most)]) + batch([(b"k", b"v", more)], base=8), natively=True)
    assert type(found[0]) is NativelyFetched
    assert found[0].headers == most
    assert list(found[1].headers) == [(HEADERS_DROPPED, b"%d" % (MAX_HEADERS + 1))]


def test_large_records_are_pythons():
    found, _ = read(batch([(b"k", bytes(CHUNK_BYTES), []), (b"k", b"v", [])]), natively=True)
    assert [type(record) is NativelyFetched for record in found] == [False, True]


def test_headers_count_only_where_they_are_objects():
    data = batch([(b"k", b"v", [("a", b"b")] * 5)] * 9)
    assert read(data, natively=True)[1] == 9 * RECORD_OVERHEAD_BYTES + len(data) - RECORDS_AT
    assert read(data, natively=False)[1] > read(data, natively=True)[1]


def test_the_fetcher_reads_with_what_is_installed(monkeypatch):
    for name in ("MemoryRecords", "PartitionRecords"):
        monkeypatch.setattr(fetcher, name, getattr(fetcher, name))
    native_batch.install_native_batches()
    assert (fetcher.MemoryRecords, fetcher.PartitionRecords) == (NativeRecords, NativePartitionRecords)
    with pytest.raises(AttributeError):
        # Only the fetcher says of which partition they are.
        NativeRecords(batch([(b"k", b"v", [])])).next_batch()
