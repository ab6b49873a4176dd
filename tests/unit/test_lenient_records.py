import cramjam
import pytest
from aiokafka.consumer import fetcher
from aiokafka.record import MemoryRecords
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.records import HEADERS_DROPPED, MAX_HEADERS, NOT_UNPACKED
from streams.running.patches import lenient_batch, record_bytes, unpacking
from streams.running.patches.lenient_batch import NotUnpacked
from streams.running.patches.lenient_records import LenientRecords, install_lenient_records
from tests.readers import decode_report

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


@pytest.mark.parametrize("compression", [1, 2, 3, 4])
def test_a_batch_over_the_limit_gives_placeholders_and_reading_continues(small_limit, compression):
    bomb = packed(compression, b"small", bytes(100_000), b"small", base=7)
    assert len(bomb) < (6_000 if compression == 2 else 1_000)
    read = list(read_all(bomb + packed(compression, bytes(9_000), base=10)))
    assert read[:3] == [NotUnpacked(offset, 1002, 0) for offset in (7, 8, 9)]
    assert (read[3].offset, read[3].value) == (10, bytes(9_000))


def test_the_limit_applies_to_compressed_batches_alone(small_limit):
    # An uncompressed batch is in memory already.
    assert [record.value for record in read_all(packed(0, bytes(100_000)))] == [bytes(100_000)]


@given(st.integers(1, 4), st.integers(61, 200), st.binary(min_size=1, max_size=20), st.integers(0, 3))
def test_a_damaged_batch_gives_a_placeholder_for_each_record(compression, at, damage, more):
    data = packed(compression, *(b"value-%d" % n * 20 for n in range(more + 1)), base=5)
    data[at : at + len(damage)] = damage[: max(0, len(data) - at)]
    read = list(read_all(data))
    # Damage that still unpacks is found by the checksum, which the fetcher verifies first.
    if any(isinstance(record, NotUnpacked) for record in read):
        assert read[-1].offset == 5 + more


def test_the_length_that_snappy_announces_is_not_allocated(small_limit):
    bomb = packed(2, b"small")
    # A length of 4 GiB before the compressed bytes.
    bomb[61:62] = b"\xff\xff\xff\xff\x0f"
    bomb[8:12] = (len(bomb) - 12).to_bytes(4, "big")
    assert list(read_all(bomb)) == [NotUnpacked(0, 1000, 0)]


def test_the_blocks_of_javas_snappy_are_read_within_the_limit(small_limit):
    for values, read in (((b"a" * 4_000, b"b" * 4_000), True), ((b"a" * 6_000, b"b" * 6_000), False)):
        plain = bytes(packed(0, *values))
        half = len(plain[61:]) // 2
        stream = b"\x82SNAPPY\x00" + (1).to_bytes(4, "big") * 2
        for block in (plain[61:][:half], plain[61:][half:]):
            part = bytes(cramjam.snappy.compress_raw(block))
            stream += len(part).to_bytes(4, "big") + part
        data = bytearray(plain[:61] + stream)
        data[8:12] = (len(data) - 12).to_bytes(4, "big")
        data[22] |= 2
        assert [record.value for record in read_all(data)] == (list(values) if read else [b"", b""])


@given(
    st.lists(
        st.tuples(
            st.none() | st.binary(max_size=300),
            st.none() | st.binary(max_size=300),
            st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3)), max_size=5),
        ),
        min_size=1,
        max_size=20,
    ),
    st.integers(1, 400),
)
def test_chunks_and_our_own_reader_give_what_aiokafka_gives(records, size):
    builder = DefaultRecordBatchBuilder(2, 0, False, 7, 1, 0, 1 << 20)
    for number, (key, value, headers) in enumerate(records):
        builder.append(number, 1000 + number, key, value, headers)
    data = bytes(builder.build())
    theirs = [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in DefaultRecordBatch(data)]
    # A record beyond the size of a chunk is read by our own reader.
    with pytest.MonkeyPatch.context() as patch:
        for module in (lenient_batch, record_bytes):
            patch.setattr(module, "CHUNK_BYTES", size)
        assert rows(LenientRecords(data)) == theirs
        # Also when the unpacked bytes are let go in between.
        fetch, found = LenientRecords(data), []
        for record in fetch.next_batch():
            found.append((record.offset, record.timestamp, record.key, record.value, list(record.headers)))
            fetch.let_go()
        assert found == theirs


@pytest.mark.parametrize("padding", [0, record_bytes.CHUNK_BYTES])
def test_headers_beyond_the_limit_are_replaced_by_their_number(padding):
    builder = DefaultRecordBatchBuilder(2, 4, False, 7, 1, 0, 1 << 20)
    counts = (1, MAX_HEADERS, MAX_HEADERS + 1, 2)
    for number, count in enumerate(counts):
        builder.append(number, 1000, b"k", bytes(padding), [("name", b"x")] * count)
    read = list(read_all(builder.build()))
    assert [(record.key, record.value) for record in read] == [(b"k", bytes(padding))] * 4
    assert [len(record.headers) for record in read] == [1, MAX_HEADERS, 1, 2]
    assert read[2].headers == ((HEADERS_DROPPED, b"257"),)
    with pytest.raises(Rejected) as caught:
        decode_report(read[2].value, read[2].headers, 0)
    assert (caught.value.reason, caught.value.field) == ("oversized", "headers")
    assert caught.value.detail == "Must be at most 256 headers; the record has 257."


def test_a_forged_number_of_headers_is_not_quoted():
    for forged in (b"", b"-1", b"a@example.org", b"1" * 10, None):
        with pytest.raises(Rejected) as caught:
            decode_report(b"{}", [(HEADERS_DROPPED, forged)], 0)
        assert caught.value.reason in ("oversized", "pii_detected")
        assert "example" not in caught.value.detail


@pytest.mark.parametrize("at", [0, 1, 2, 5])
def test_records_before_a_record_that_lies_about_its_length_are_read(at):
    data = packed(0, *(b"value-%d" % number for number in range(6)), base=3)
    place = data.index(b"k\x0evalue-%d" % at) - 5
    assert data[place] == 2 * (len(data) - 61) // 6 - 2
    data[place] += 2
    read = list(read_all(data))
    assert [record.value for record in read] == [b"value-%d" % number for number in range(at)] + [b""] * (
        6 - at
    )
    assert [record.offset for record in read] == list(range(3, 9))


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
