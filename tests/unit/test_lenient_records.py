import pytest
from aiokafka.consumer import fetcher
from aiokafka.record import MemoryRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder, DefaultRecordBatch
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.lenient_records import LenientRecords, read_leniently

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
    st.sampled_from([0, 1]),
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
    read_leniently()
    assert fetcher.MemoryRecords is LenientRecords
