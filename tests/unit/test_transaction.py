import asyncio
import random
from types import SimpleNamespace

import pytest
from aiokafka.errors import MessageSizeTooLargeError, OutOfOrderSequenceNumber, ProducerFenced
from aiokafka.record.default_records import DefaultRecordBatch

from streams.contract.wire.topics import CHANNEL_STATE
from streams.running.errors import OwnershipLost
from streams.running.log import transaction
from streams.running.log.connection import BATCH_BYTES, Connection
from streams.running.log.destinations import DestinationTrouble
from streams.running.log.log import Appended, Trouble
from streams.running.log.transaction import write_transaction
from streams.running.partitions.outputs import _BATCH_OVERHEAD_BYTES
from streams.running.patches.producer import SMALL_BYTES, KafkaProducer
from streams.running.topics.topic_catalogue import load_catalogue


class Batch:
    def __init__(self):
        self.rows = 0

    def append(self, **_):
        self.rows += 1
        return self.rows

    def record_count(self):
        return self.rows


class Producer(KafkaProducer):
    """A producer whose deliveries to some topics fail."""

    def __init__(self, failing):
        self.calls = []
        self.destinations = set()
        self._failing = failing
        self._txn_manager = SimpleNamespace(wait_for_transaction_end=lambda: None)

    async def begin_transaction(self):
        self.calls.append("begin")

    async def join(self, destinations):
        self.calls.append(f"join {len(destinations)}")

    def new_batch(self, _rows):
        return Batch()

    async def send_batch(self, _batch, topic, *, partition):  # noqa: ARG002
        delivery = asyncio.get_running_loop().create_future()
        if topic in self._failing:
            delivery.set_exception(self._failing[topic])
        else:
            delivery.set_result(SimpleNamespace(timestamp=-1, offset=0))
        return delivery

    async def commit_transaction(self):
        self.calls.append("commit")

    async def abort_transaction(self):
        self.calls.append("abort")


def write(producer):
    row = (b"k", b"v", [])
    return asyncio.run(write_transaction(producer, {("a", 0): [row], ("b", 0): [row]}, 0))


def test_a_transaction_is_committed():
    producer = Producer({})
    write(producer)
    assert producer.calls == ["begin", "join 2", "commit"]


class Passing:
    """Passes each record of log `a` on to log `b`, and that one to log `c`, with a record of state each time."""

    def __init__(self):
        self.logs = {("a", 0), ("b", 0)}
        self.told = []

    async def follow(self, writes, appended, /):
        self.told.append(dict(writes))
        assert appended.keys() == writes.keys()
        ((log, _),) = writes
        state = (log.encode(), b"v", [])
        return {(chr(ord(log) + 1), 0): [(b"k", b"v", [])], ("state", 0): [state]}


def test_what_nothing_follows_from_is_written_once_and_last():
    producer = Producer({})
    appended = []

    async def append(topic, partition, rows, _timestamp_ms):
        appended.append((topic, partition, [key for key, *_ in rows]))
        return [Appended(7, len(rows), 1)]

    producer.append = append
    follow, begins = Passing(), {}
    row = (b"k", b"v", [])
    writes = {("state", 0): [row], ("a", 0): [row]}
    asyncio.run(write_transaction(producer, writes, 0, follow, begins))
    assert follow.told == [{("a", 0): [row]}, {("b", 0): [row]}]
    assert appended == [
        ("a", 0, [b"k"]),
        ("b", 0, [b"k"]),
        ("state", 0, [b"k", b"a", b"b"]),
        ("c", 0, [b"k"]),
    ]
    assert begins == dict.fromkeys([("a", 0), ("b", 0), ("state", 0), ("c", 0)], 7)
    assert producer.calls == ["begin", "join 2", "commit"]


def test_what_is_not_followed_any_more_is_written_all_the_same():
    producer = Producer({})
    follow, begins = Passing(), {}

    async def fails(_writes, _appended, /):
        follow.logs.clear()
        return {("b", 0): [(b"k", b"v", [])]}

    follow.follow = fails
    asyncio.run(write_transaction(producer, {("a", 0): [(b"k", b"v", [])]}, 0, follow, begins))
    assert begins == {("a", 0): 0, ("b", 0): 0}


def test_nothing_is_appended_where_the_transaction_before_may_be_open():
    producer = Producer({"b": OutOfOrderSequenceNumber()})
    row = (b"k", b"v", [])
    begins = {}
    written = write_transaction(producer, {("b", 0): [row]}, 0, begins=begins, may_append=lambda: False)
    assert asyncio.run(written) is None
    assert producer.calls == ["begin", "join 1", "commit"]
    assert begins == {}


def test_nothing_is_committed_when_one_delivery_fails():
    """aiokafka would commit the rest."""
    producer = Producer({"b": OutOfOrderSequenceNumber()})
    with pytest.raises(OwnershipLost, match="OutOfOrderSequence") as lost:
        write(producer)
    # Readers of committed records need not wait until somebody fences this producer.
    assert producer.calls == ["begin", "join 2", "abort"]
    assert not lost.value.fenced


def test_a_transaction_that_fails_without_a_record_is_committed():
    """What was committed before may have no marker in these logs."""
    producer = Producer({})

    async def fails(_destinations):
        raise OutOfOrderSequenceNumber

    producer.join = fails
    with pytest.raises(OwnershipLost, match="OutOfOrderSequence"):
        write(producer)
    assert producer.calls == ["begin", "commit"]


def test_what_is_open_when_another_one_cannot_begin_is_not_committed():
    producer = Producer({})

    async def fails():
        raise AssertionError("Invalid state transition")

    producer.begin_transaction = fails
    with pytest.raises(OwnershipLost, match="Invalid state"):
        write(producer)
    assert producer.calls == ["abort"]


def test_a_fenced_producer_has_nothing_to_abort():
    producer = Producer({"b": ProducerFenced()})
    with pytest.raises(OwnershipLost, match="ProducerFenced") as lost:
        write(producer)
    assert producer.calls == ["begin", "join 2"]
    assert lost.value.fenced


def test_an_abort_that_no_broker_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(transaction, "ENDING_SECONDS", 0.01)
    producer = Producer({"b": OutOfOrderSequenceNumber()})

    async def never():
        await asyncio.sleep(60)

    producer.abort_transaction = never
    with pytest.raises(OwnershipLost, match="OutOfOrderSequence"):
        write(producer)


def test_a_refusal_names_its_destination():
    producer = Producer({"b": MessageSizeTooLargeError()})
    with pytest.raises(DestinationTrouble, match="b partition 0: it refuses the size") as lost:
        write(producer)
    # The brokers may be unable to end it: another producer goes on.
    assert producer.calls == ["begin", "join 2"]
    (trouble,) = lost.value.troubles
    assert (trouble.destination, trouble.reason, trouble.at_least) == (("b", 0), "too_large", 2)


def test_a_destination_that_does_not_answer_is_named_while_the_transaction_waits(monkeypatch):
    monkeypatch.setattr(transaction, "LOOK_SECONDS", 0.01)
    asked = []

    class Waiting(Producer):
        async def send_batch(self, batch, topic, *, partition):
            if topic == "b":
                return asyncio.get_running_loop().create_future()
            return await super().send_batch(batch, topic, partition=partition)

        async def troubles(self, destinations, waited, *, others_answered):
            asked.append((destinations, waited > 0, others_answered))
            return [Trouble(("b", 0), "no_leader")] if len(asked) == 3 else []

    producer = Waiting({})
    with pytest.raises(DestinationTrouble, match="b partition 0: it has no leader"):
        write(producer)
    assert asked == [([("b", 0)], True, True)] * 3


def test_who_is_fenced_meanwhile_is_told_so():
    producer = Producer({"b": MessageSizeTooLargeError()})
    end = SimpleNamespace(exception=ProducerFenced)
    producer._txn_manager = SimpleNamespace(wait_for_transaction_end=lambda: end, is_fatal_error=lambda: True)
    with pytest.raises(OwnershipLost) as lost:
        write(producer)
    assert lost.value.fenced


async def built(value):
    """The bytes of a batch with one record, as a writer sends it."""
    producer = Connection("127.0.0.1:1").producer("id")
    batch = producer.new_batch([(b"k", value, [])])
    assert batch.append(timestamp=0, key=b"k", value=value, headers=[]) is not None
    await producer.stop()
    return bytes(batch._build())


def codec_of(batch):
    return DefaultRecordBatch(batch).compression_type


def test_batches_are_compressed_with_zstd():
    assert codec_of(asyncio.run(built(bytes(SMALL_BYTES)))) == DefaultRecordBatch.CODEC_ZSTD
    # Also one record that is larger than a batch usually is.
    assert codec_of(asyncio.run(built(bytes(2 * BATCH_BYTES)))) == DefaultRecordBatch.CODEC_ZSTD


def test_small_batches_are_spared_the_preparation_of_zstd():
    assert codec_of(asyncio.run(built(bytes(SMALL_BYTES - 1)))) == DefaultRecordBatch.CODEC_LZ4


def test_the_largest_record_fits_its_topic_although_compressing_makes_it_larger():
    limit = load_catalogue()[CHANNEL_STATE].max_message_bytes
    value = random.Random(1).randbytes(limit - _BATCH_OVERHEAD_BYTES - len(b"k"))
    assert len(value) < len(asyncio.run(built(value))) <= limit
