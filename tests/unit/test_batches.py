import asyncio
from types import SimpleNamespace

import faust
from aiokafka import ConsumerRecord
from faust.types import TP

from streams.running.cycle.batches import BatchScheduler, PassThroughSchema
from streams.running.patches import batch_topic
from streams.running.patches.batch_topic import BatchTopic, queued_bytes
from streams.running.patches.fetched_range import FetchedRange


def records(topic, partition, *offsets):
    made = [ConsumerRecord(topic, partition, n, 1000 + n, 1, b"k", b"v", None, 1, 1, ()) for n in offsets]
    return FetchedRange(made, offsets[0], offsets[-1] + 1, 77)


def test_each_partition_is_one_batch_with_the_attributes_of_its_last_record():
    one, two = records("a", 0, 5, 6, 9), records("b", 1, 3)
    scheduled = dict(BatchScheduler().iterate({TP("a", 0): one, TP("b", 1): two, TP("c", 2): []}))
    assert list(scheduled) == [TP("a", 0), TP("b", 1)]
    batch = scheduled[TP("a", 0)]
    assert (batch.topic, batch.partition, batch.offset, batch.timestamp) == ("a", 0, 9, 1009)
    assert batch.value is one


def test_the_schema_returns_values_unchanged():
    message = SimpleNamespace(key=None, value=object())
    schema = PassThroughSchema()
    assert schema.loads_value(None, message) is message.value
    assert schema.loads_key(None, message) is None


def waiting(size):
    return SimpleNamespace(message=SimpleNamespace(serialized_value_size=size))


def test_the_size_of_a_batch_is_that_of_its_range():
    ((_, batch),) = BatchScheduler().iterate({TP("a", 0): records("a", 0, 1, 2)})
    assert batch.serialized_value_size == 77


def test_queued_bytes_is_the_sum_over_the_batches():
    queue = asyncio.Queue()
    for size in (3, 4):
        queue.put_nowait(waiting(size))
    assert queued_bytes(queue) == 7


def test_decoding_waits_while_enough_is_queued(monkeypatch):
    monkeypatch.setattr(batch_topic, "MAX_QUEUED_BYTES", 5)
    app = faust.App("t", broker="kafka://127.0.0.1:1", autodiscover=False, Topic=BatchTopic)

    async def scenario():
        topic = app.topic("a", schema=PassThroughSchema())
        message = SimpleNamespace(key=None, value=[None], headers=None)
        await topic.decode(message, propagate=True)
        topic.queue.force_put_nowait(waiting(6))
        decoding = asyncio.create_task(topic.decode(message, propagate=True))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not decoding.done()
        # A rebalance empties the queue without notice, so the size is taken from the queue itself.
        topic.queue.clear()
        topic.waiting.room.set()
        await asyncio.wait_for(decoding, 1)

    asyncio.run(scenario())


def test_the_queues_of_all_stages_share_one_limit(monkeypatch):
    monkeypatch.setattr(batch_topic, "MAX_QUEUED_BYTES", 5)
    app = faust.App("t", broker="kafka://127.0.0.1:1", autodiscover=False, Topic=BatchTopic)
    another_app = faust.App("u", broker="kafka://127.0.0.1:1", autodiscover=False, Topic=BatchTopic)

    async def scenario():
        reports, requests = (app.topic(name, schema=PassThroughSchema()) for name in ("a", "b"))
        message = SimpleNamespace(key=None, value=[None], headers=None)
        for topic in (reports, requests):
            topic.queue.force_put_nowait(waiting(3))
        decoding = asyncio.create_task(reports.decode(message, propagate=True))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not decoding.done()
        await asyncio.wait_for(another_app.topic("a", schema=PassThroughSchema()).decode(message), 1)
        # The agent of the other stage takes its batch.
        requests.queue.get_nowait()
        requests.waiting.room.set()
        await asyncio.wait_for(decoding, 1)

    asyncio.run(scenario())
