from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from streams.running.patches import fetched_records
from streams.running.patches.fetched_records import FetchedRecord

TP = TopicPartition("reports", 3)
ROWS = [(b"key", b"value", [("name", b"content")]), (None, b"v", []), (b"k", None, [("a", b""), ("a", b"2")])]
AIOKAFKAS = fetcher.PartitionRecords


def fetch(kind):
    builder = BatchBuilder(10_000, 0)
    for number, (key, value, headers) in enumerate(ROWS):
        assert builder.append(timestamp=1_000 + number, key=key, value=value, headers=headers)
    batch = MemoryRecords(bytes(builder._build()))
    return list(kind(TP, batch, [], 0, None, None, True, READ_COMMITTED))


def test_fetched_records_have_the_values_that_aiokafka_gives():
    ours, theirs = fetch(fetched_records.PartitionRecords), fetch(AIOKAFKAS)
    assert len(ours) == len(theirs) == len(ROWS)
    for mine, other in zip(ours, theirs, strict=True):
        for name in FetchedRecord._fields:
            found = getattr(other, name)
            assert getattr(mine, name) == (list(found) if name == "headers" else found)


def test_the_fetcher_creates_its_records_with_the_replaced_class(monkeypatch):
    monkeypatch.setattr(fetcher, "PartitionRecords", AIOKAFKAS)
    fetched_records.install_fetched_records()
    assert fetcher.PartitionRecords is fetched_records.PartitionRecords
    assert "PartitionRecords" in fetcher.Fetcher._proc_fetch_request.__code__.co_names
