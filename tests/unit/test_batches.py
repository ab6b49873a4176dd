import asyncio
from types import SimpleNamespace

from aiokafka import ConsumerRecord
from faust.types import TP

from streams.runtime import batches
from streams.runtime.batches import BatchScheduler, PassThroughSchema, queued_records


def records(topic, partition, *offsets):
    return [ConsumerRecord(topic, partition, n, 1000 + n, 1, b"k", b"v", None, 1, 1, ()) for n in offsets]


def test_each_partition_is_one_batch_with_the_attributes_of_its_last_record():
    one, two = records("a", 0, 5, 6, 9), records("b", 1, 3)
    scheduled = dict(BatchScheduler().iterate({TP("a", 0): one, TP("b", 1): two, TP("c", 2): []}))
    assert list(scheduled) == [TP("a", 0), TP("b", 1)]
    batch = scheduled[TP("a", 0)]
    assert (batch.topic, batch.partition, batch.offset, batch.timestamp) == ("a", 0, 9, 1009)
    assert batch.value is one


def test_the_schema_hands_values_on_untouched():
    message = SimpleNamespace(key=None, value=object())
    schema = PassThroughSchema()
    assert schema.loads_value(None, message) is message.value
    assert schema.loads_key(None, message) is None


def test_queued_records_counts_records_not_batches():
    queue = asyncio.Queue()
    for size in (3, 4):
        queue.put_nowait(SimpleNamespace(value=[None] * size))
    assert queued_records(queue) == 7


def test_decoding_waits_while_enough_is_queued(monkeypatch):
    import faust

    monkeypatch.setattr(batches, "MAX_QUEUED_RECORDS", 5)
    app = faust.App("t", broker="kafka://127.0.0.1:1", autodiscover=False, Topic=batches.BatchTopic)

    async def scenario():
        topic = app.topic("a", schema=PassThroughSchema())
        message = SimpleNamespace(key=None, value=[None], headers=None)
        await topic.decode(message, propagate=True)
        topic.queue.force_put_nowait(SimpleNamespace(value=[None] * 6))
        waiting = asyncio.create_task(topic.decode(message, propagate=True))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
        # What a rebalance does behind our back: no credit to give back, the queue itself is counted.
        topic.queue.clear()
        topic.room.set()
        await asyncio.wait_for(waiting, 1)

    asyncio.run(scenario())
