"""Another transactional id for a writer, while rebalances come and the coordinator is away."""

import asyncio
from contextlib import nullcontext, suppress

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ProducerClosed

from streams.running.errors import OwnershipLost
from streams.running.log import writer as writer_module
from streams.running.log.writer import Writer
from tests.model.memory_log import Brokers

PLACE = ("a", 0)


def writes(value):
    return {PLACE: [(b"k", value, [])]}


async def cancelled_renewal(brokers):
    """A writer whose renewal a rebalance has cancelled, while no coordinator answered."""
    writer = Writer(brokers.log(), "")
    await writer.start()
    await writer.write(writes(b"1"))
    brokers.coordinator_answers = False
    renewing = asyncio.create_task(writer.renew())
    await asyncio.sleep(0.01)
    renewing.cancel()
    with suppress(asyncio.CancelledError):
        await renewing
    return writer


def test_what_is_written_waits_for_a_renewal_whose_caller_was_cancelled():
    async def scenario():
        brokers = Brokers({"a": 1})
        writer = await cancelled_renewal(brokers)
        writing = asyncio.create_task(writer.write(writes(b"2")))
        await asyncio.sleep(0.05)
        assert not writing.done()
        brokers.coordinator_answers = True
        await writing
        async with brokers.log().reader() as reader:
            place = TopicPartition(*PLACE)
            reader.assign([place])
            reader.seek(place, 0)
            found = []
            while len(found) < 2:
                found += [each.value for each in (await reader.getmany(place)).get(place, ())]
        assert found == [b"1", b"2"]

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_after_a_renewal_that_failed_nothing_is_written(monkeypatch):
    async def scenario():
        writer = await cancelled_renewal(Brokers({"a": 1}))
        with pytest.raises(OwnershipLost):
            await writer.write(writes(b"2"))

    monkeypatch.setattr(writer_module, "TRANSACTION_SECONDS", 0.1)
    asyncio.run(asyncio.wait_for(scenario(), 60))


@pytest.mark.parametrize("renewed", [True, False])
def test_a_look_at_leftovers_ends_with_the_producer_that_it_asks_with(monkeypatch, renewed):
    async def scenario():
        writer = Writer(Brokers({"a": 1}).log(), "")
        await writer.start()

        async def end(*_):
            if renewed:
                await writer._start_another()
            raise ProducerClosed

        monkeypatch.setattr(writer.leftovers, "end", end)
        with nullcontext() if renewed else pytest.raises(ProducerClosed):
            await writer.look_at_troubles([PLACE])

    asyncio.run(asyncio.wait_for(scenario(), 60))
