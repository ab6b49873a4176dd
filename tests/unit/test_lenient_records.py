import pytest
from aiokafka.consumer import fetcher
from aiokafka.record import MemoryRecords
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.patches import unpacking
from streams.runtime.patches.lenient_records import LenientRecords, NotUnpacked, install_lenient_records
from streams.wire.dead_letter import Rejected
from streams.wire.records import NOT_UNPACKED
from streams.wire.report_decoding import decode_report

GOOD = b"a-name-in-ascii"
BAD = b"\xff-name-in-\xc3scii"


def batch(*names, base=0, compression=0, transactional=False):
    builder = DefaultRecordBatchBuilder(2, compression, transactional, 7, 1, 0, 1 << 20)
    for n, name in enumerate(names):
        builder.append(n, 1000 + n, b"k%d" % n, b"v%d" % n, [(name, b"x")])
    data = bytearray(builder.build())
    data[:8] = base.to_bytes(8, "big")
    return bytes(data)


def rows(records):
    found = []
    while records.has_next():
        part = records.next_batch()
        found += [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in part]
    return found


@given(
    st.lists(st.lists(st.text(max_size=5), min_size=1, max_size=4), max_size=4),
    st.integers(0, 4),
    st.integers(0, 20),
)
def test_reads_what_aiokafka_reads(batches, compression, cut):
    data = b"".join(batch(*names, base=10 * n, compression=compression) for n, names in enumerate(batches))
    # A fetch may end anywhere.
    data = data[: len(data) - cut] if cut < len(data) else data
    assert rows(LenientRecords(data)) == rows(MemoryRecords(data))


def test_a_name_that_is_no_text_is_read_with_its_bytes_escaped():
    data = batch("one", GOOD.decode(), "three").replace(GOOD, BAD)
    with pytest.raises(UnicodeDecodeError):
        rows(MemoryRecords(data))
    read = rows(LenientRecords(data))
    assert [row[4][0][0] for row in read] == ["one", "\\xff-name-in-\\xc3scii", "three"]
    assert [(row[0], row[2], row[3]) for row in read] == [(n, b"k%d" % n, b"v%d" % n) for n in range(3)]


@pytest.fixture
def small(monkeypatch):
    """Batches may unpack to 10,000 bytes."""
    monkeypatch.setattr(unpacking, "MAX_UNPACKED_BYTES", 10_000)


def packed(compression, *values, base=0):
    builder = DefaultRecordBatchBuilder(2, compression, False, 7, 1, 0, 1 << 20)
    for n, value in enumerate(values):
        builder.append(n, 1000 + n, b"k", value, [])
    data = bytearray(builder.build())
    data[:8] = base.to_bytes(8, "big")
    return data


def all_of(data):
    records = LenientRecords(bytes(data))
    while records.has_next():
        yield from records.next_batch()


@pytest.mark.parametrize("compression", [1, 3, 4])
def test_a_batch_that_unpacks_to_too_much_gives_a_place_for_each_record_and_reading_goes_on(
    small, compression
):
    bomb = packed(compression, b"small", bytes(100_000), b"small", base=7)
    assert len(bomb) < 1_000
    read = list(all_of(bomb + packed(compression, bytes(9_000), base=10)))
    assert read[:3] == [NotUnpacked(offset, 1002, 0) for offset in (7, 8, 9)]
    assert (read[3].offset, read[3].value) == (10, bytes(9_000))


def test_the_limit_is_for_what_is_compressed(small):
    # Snappy cannot do harm, and what is not compressed is in memory already.
    for compression in (0, 2):
        assert [record.value for record in all_of(packed(compression, bytes(100_000)))] == [bytes(100_000)]


@given(st.integers(1, 4), st.integers(61, 200), st.binary(min_size=1, max_size=20), st.integers(0, 3))
def test_a_damaged_batch_gives_a_place_for_each_record(compression, at, damage, more):
    data = packed(compression, *(b"value-%d" % n * 20 for n in range(more + 1)), base=5)
    data[at : at + len(damage)] = damage[: max(0, len(data) - at)]
    read = list(all_of(data))
    # Damage that still unpacks is found by its checksum, at which the fetcher looks first.
    if any(isinstance(record, NotUnpacked) for record in read):
        assert read[-1].offset == 5 + more


def test_too_little_memory_is_no_fault_of_the_batch(monkeypatch):
    def no_room(*_):
        raise MemoryError

    monkeypatch.setitem(unpacking._UNPACK, 4, no_room)
    with pytest.raises(MemoryError):
        list(all_of(packed(4, b"v")))


def test_events_know_the_record_that_was_not_read():
    stand_in = NotUnpacked(0, 0, 0)
    assert stand_in.headers == ((NOT_UNPACKED, b""),)
    with pytest.raises(Rejected) as caught:
        decode_report(stand_in.value, stand_in.headers, 0)
    assert caught.value.reason == "bad_batch"
    assert f"at most {unpacking.MAX_UNPACKED_BYTES >> 20} MiB" in caught.value.detail


def test_what_the_fetcher_asks_of_a_batch():
    part = LenientRecords(batch("a", transactional=True, base=5)).next_batch()
    plain = DefaultRecordBatch(batch("a", transactional=True, base=5))
    for name in ("base_offset", "next_offset", "is_control_batch", "is_transactional", "producer_id"):
        assert getattr(part, name) == getattr(plain, name)
    assert part.validate_crc() == plain.validate_crc()


def test_sizes():
    data = batch("a")
    records = LenientRecords(data)
    assert records.size_in_bytes() == len(data)
    assert records.next_batch() is not None
    assert not records.has_next()
    assert records.next_batch() is None


def test_the_fetcher_uses_it_after_the_call(monkeypatch):
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    install_lenient_records()
    assert fetcher.MemoryRecords is LenientRecords
