"""Batches that the native core writes are those of aiokafka's builder, to the byte."""

import asyncio
import struct

import pytest
from aiokafka.codec import zstd_decode
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import example, given
from hypothesis import strategies as st

from streams.running.log.connection import BATCH_BYTES, Connection
from streams.running.patches.native_producer import EncodedBatch, NativeProducer
from streams.running.patches.producer import SMALL_BYTES, KafkaProducer, install_quick_codecs
from streams.running.patches.unpacking import RECORDS_AT
from tests.tools import native_core

native_core()

from tocsin_native import encode_records  # noqa: E402

optional = st.none() | st.binary(max_size=80)
sized = st.integers(0, 3_000).map(bytes)
headers = st.lists(st.tuples(st.text(max_size=5), optional), max_size=3)
rows = st.lists(st.tuples(optional, optional | sized, headers), min_size=1, max_size=90)


def built(batch, producer=(1_234_567, 7, 99)):
    batch._set_producer_state(*producer)
    return bytes(batch._build())


def theirs(rows, room, codec, timestamp):
    """The rows in batches of aiokafka, as its producer would send them."""
    batch = None
    for key, value, held in rows:
        row = {"timestamp": timestamp, "key": key, "value": value, "headers": held}
        if batch is None or batch.append(**row) is None:
            if batch is not None:
                yield batch
            batch = BatchBuilder(room, codec, is_transactional=True)
            assert batch.append(**row) is not None
    yield batch


@given(rows, st.integers(100, 20_000), st.integers(0, 1 << 41))
# A record that would fill a batch to the last byte begins another one.
@example([(None, None, []), (None, bytes(25), [])], 100, 0)
def test_records_are_encoded_as_aiokafka_encodes_them(rows, room, timestamp):
    begin, found = 0, []
    while begin < len(rows):
        records, number = encode_records(rows, begin, room - RECORDS_AT)
        begin += number
        found.append(built(EncodedBatch(records, number, timestamp, 0, lambda data: data)))
    assert found == [built(batch) for batch in theirs(rows, room, 0, timestamp)]


def producer(kind):
    async def made():
        connection = Connection("127.0.0.1:1", producers=kind)
        found = connection.producer("id")
        await found.stop()
        return found

    return asyncio.run(made())


@pytest.fixture(scope="module")
def both():
    """aiokafka's producer with our patches, and the native one."""
    return producer(KafkaProducer), producer(NativeProducer)


@pytest.mark.parametrize(
    "rows",
    [
        [(b"k", b"v", [])],
        [(None, None, [("ce_id", b"1"), ("ce_type", b"x")])] * 3,
        [(b"k", b"v" * 400, [])] * 9,
        [(b"k", bytes(SMALL_BYTES), [])],
        [(b"key-%d" % n, b"value %d " % n * 40, [("name", b"%d" % n)]) for n in range(3_000)],
        [(b"k", bytes(2 * BATCH_BYTES), []), (b"k", b"v", [])],
    ],
)
def test_a_producer_sends_the_same_batches(both, rows):
    wanted, found = (list(each.batches(rows, 1_800_000_000_000)) for each in both)
    assert [batch.record_count() for batch in found] == [batch.record_count() for batch in wanted]
    assert [built(batch) for batch in found] == [built(batch) for batch in wanted]


def test_no_rows_make_no_batch(both):
    assert [list(each.batches([], 0)) for each in both] == [[], []]


def test_what_does_not_get_smaller_is_compressed_too(both):
    rows = [(None, bytes(range(256)), [])]
    wanted, found = (built(next(iter(each.batches(rows, 0)))) for each in both)
    assert found == wanted
    assert DefaultRecordBatch(found).compression_type == DefaultRecordBatch.CODEC_LZ4


def test_a_batch_is_built_once_and_takes_nothing_more():
    install_quick_codecs()
    batch = EncodedBatch(*encode_records([(b"k", b"v" * 99, [])], 0, 999), 5, 4, lambda _: b"once")
    assert batch.closed()
    batch.close()
    first = built(batch)
    assert built(batch, (1, 1, 1)) == first
    assert first.endswith(b"once")
    (length,) = struct.unpack_from(">i", first, 8)
    assert length == len(first) - 12


def test_rows_that_are_not_records_are_refused():
    for row in (
        ("k", b"v", []),
        (b"k", 1, []),
        (b"k", b"v", ()),
        (b"k", b"v", [(b"n", b"")]),
        [b"k", b"v", []],
    ):
        with pytest.raises(TypeError):
            encode_records([row], 0, 100)


def test_zstd_is_that_which_readers_unpack(both):
    rows = [(b"k", b"v" * 100, [])] * 200
    packed = built(next(iter(both[1].batches(rows, 0))))
    assert zstd_decode(packed[RECORDS_AT:]) == encode_records(rows, 0, BATCH_BYTES)[0]
