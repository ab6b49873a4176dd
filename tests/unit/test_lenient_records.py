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
def test_valid_batches_are_read_as_aiokafka_reads_them(batches, compression, cut):
    data = b"".join(batch(*names, base=10 * n, compression=compression) for n, names in enumerate(batches))
    # A fetch may end at any byte.
    data = data[: len(data) - cut] if cut < len(data) else data
    assert rows(LenientRecords(data)) == rows(MemoryRecords(data))


def test_a_header_name_that_is_not_text_has_its_bytes_escaped():
    data = batch("one", GOOD.decode(), "three").replace(GOOD, BAD)
    with pytest.raises(UnicodeDecodeError):
        rows(MemoryRecords(data))
    read = rows(LenientRecords(data))
    assert [row[4][0][0] for row in read] == ["one", "\\xff-name-in-\\xc3scii", "three"]
    assert [(row[0], row[2], row[3]) for row in read] == [(n, b"k%d" % n, b"v%d" % n) for n in range(3)]


@pytest.fixture
def small_limit(monkeypatch):
    """Limits batches to 10,000 unpacked bytes."""
    monkeypatch.setattr(unpacking, "MAX_UNPACKED_BYTES", 10_000)


def packed(compression, *values, base=0):
    builder = DefaultRecordBatchBuilder(2, compression, False, 7, 1, 0, 1 << 20)
    for n, value in enumerate(values):
        builder.append(n, 1000 + n, b"k", value, [])
    data = bytearray(builder.build())
    data[:8] = base.to_bytes(8, "big")
    return data


def read_all(data):
    records = LenientRecords(bytes(data))
    while records.has_next():
        yield from records.next_batch()


@pytest.mark.parametrize("compression", [1, 3, 4])
def test_a_batch_over_the_limit_gives_placeholders_and_reading_continues(small_limit, compression):
    bomb = packed(compression, b"small", bytes(100_000), b"small", base=7)
    assert len(bomb) < 1_000
    read = list(read_all(bomb + packed(compression, bytes(9_000), base=10)))
    assert read[:3] == [NotUnpacked(offset, 1002, 0) for offset in (7, 8, 9)]
    assert (read[3].offset, read[3].value) == (10, bytes(9_000))


def test_the_limit_applies_to_compressed_batches_alone(small_limit):
    # Snappy cannot expand far enough to harm, and an uncompressed batch is in memory already.
    for compression in (0, 2):
        assert [record.value for record in read_all(packed(compression, bytes(100_000)))] == [bytes(100_000)]


@given(st.integers(1, 4), st.integers(61, 200), st.binary(min_size=1, max_size=20), st.integers(0, 3))
def test_a_damaged_batch_gives_a_placeholder_for_each_record(compression, at, damage, more):
    data = packed(compression, *(b"value-%d" % n * 20 for n in range(more + 1)), base=5)
    data[at : at + len(damage)] = damage[: max(0, len(data) - at)]
    read = list(read_all(data))
    # Damage that still unpacks is found by the checksum, which the fetcher verifies first.
    if any(isinstance(record, NotUnpacked) for record in read):
        assert read[-1].offset == 5 + more


def test_a_lack_of_memory_is_not_blamed_on_the_batch(monkeypatch):
    def out_of_memory(*_):
        raise MemoryError

    monkeypatch.setitem(unpacking._UNPACK, 4, out_of_memory)
    with pytest.raises(MemoryError):
        list(read_all(packed(4, b"v")))


def test_a_placeholder_is_rejected_as_a_bad_batch():
    stand_in = NotUnpacked(0, 0, 0)
    assert stand_in.headers is NOT_UNPACKED
    with pytest.raises(Rejected) as caught:
        decode_report(stand_in.value, stand_in.headers, 0)
    assert caught.value.reason == "bad_batch"
    assert f"at most {unpacking.MAX_UNPACKED_BYTES >> 20} MiB" in caught.value.detail


def test_a_publisher_cannot_pass_its_record_off_as_a_bad_batch():
    with pytest.raises(Rejected) as caught:
        decode_report(b"", tuple((str(name), bytes(value)) for name, value in NOT_UNPACKED), 0)
    assert caught.value.reason == "empty"


def test_a_batch_has_the_attributes_that_the_fetcher_reads():
    part = LenientRecords(batch("a", transactional=True, base=5)).next_batch()
    plain = DefaultRecordBatch(batch("a", transactional=True, base=5))
    for name in ("base_offset", "next_offset", "is_control_batch", "is_transactional", "producer_id"):
        assert getattr(part, name) == getattr(plain, name)
    assert part.validate_crc() == plain.validate_crc()


def test_the_size_and_the_end_of_the_records():
    data = batch("a")
    records = LenientRecords(data)
    assert records.size_in_bytes() == len(data)
    assert records.next_batch() is not None
    assert not records.has_next()
    assert records.next_batch() is None


def test_the_fetcher_uses_lenient_records_once_installed(monkeypatch):
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    install_lenient_records()
    assert fetcher.MemoryRecords is LenientRecords
