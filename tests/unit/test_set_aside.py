import asyncio
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from streams.running.cycle import set_aside
from streams.running.cycle.set_aside import keep_trying, rest_sources
from streams.running.errors import RefusedToStart
from streams.running.log.claims import StatePartition
from streams.running.log.destinations import Troubles
from streams.running.patches.positioned_consumer import PositionedConsumer

PLACE = StatePartition("reports", 0)


class Owner:
    """The owner of a partition that is set aside. `reading` is awaited while its state is read."""

    def __init__(self, reading):
        self.place = PLACE
        self.state_log = TopicPartition("state", 0)
        self.reading = reading
        self.seen = []
        self.due = True
        self.attempts = SimpleNamespace(is_due=self.is_due, postpone=self.postpone)

    def is_due(self, _troubles):
        return self.due

    def source_logs(self):
        return [TopicPartition("in", 0)]

    def postpone(self):
        self.due = False
        self.seen.append("postponed")

    async def load(self, _consumer, end):
        self.due = False
        await self.reading()
        self.seen.append(("read", end))
        return "state"

    def try_again(self, loaded):
        self.seen.append(("tried again", loaded))


@pytest.fixture
def trying(monkeypatch):
    """Keeps trying until `reading` of the only owner has returned or raised. Returns the owner; raises its
    error.
    """
    monkeypatch.setattr(set_aside, "LOOK_SECONDS", 0)

    log = SimpleNamespace(reader=nullcontext)

    def run(reading):
        async def scenario():
            ownership = SimpleNamespace(write_lock=asyncio.Lock(), waits_for_claims=False)

            async def read():
                await reading(ownership)

            async def ends(tps):
                return dict.fromkeys(tps, 9)

            async def look(_destinations=()):
                pass

            owner = Owner(read)
            ownership.owners = {PLACE: owner}
            writer = SimpleNamespace(
                ends=ends,
                troubles=Troubles(),
                has_to_look=True,
                look_at_troubles=look,
                end_what_is_committed=look,
            )
            task = asyncio.create_task(keep_trying(log, writer, ownership))
            await asyncio.wait([task], timeout=0.1)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
            return owner.seen

        return asyncio.run(scenario())

    return run


def test_the_state_is_read_while_cycles_go_on_and_used_between_two(trying):
    async def cycle(ownership):
        async with ownership.write_lock:
            await asyncio.sleep(0)

    assert trying(cycle) == [("read", 9), ("tried again", "state")]


def test_a_cycle_that_is_under_way_is_waited_for(trying):
    async def begin_cycle(ownership):
        # It does not end here.
        await ownership.write_lock.acquire()

    assert trying(begin_cycle) == [("read", 9)]


def test_what_was_read_of_a_partition_that_was_given_up_is_not_used(trying):
    async def rebalance(ownership):
        ownership.owners = {PLACE: SimpleNamespace(attempts=SimpleNamespace(is_due=lambda _troubles: False))}

    assert trying(rebalance) == [("read", 9)]


def test_a_partition_that_was_given_up_ends_no_worker(trying):
    async def rebalance(ownership):
        ownership.owners = {}
        raise RefusedToStart("the next owner has reset the state")

    assert trying(rebalance) == []


def test_a_state_that_cannot_be_used_ends_the_worker(trying):
    async def gone(_ownership):
        raise RefusedToStart("retention has deleted the records")

    with pytest.raises(RefusedToStart):
        trying(gone)


def test_a_broker_that_is_away_postpones_the_attempt(trying):
    async def away(_ownership):
        raise KafkaConnectionError

    assert trying(away) == ["postponed"]


def test_dropped_events_are_acknowledged_before_anything_is_awaited():
    """A rebalance waits for them, and the consumer's thread for the rebalance."""
    log = []

    async def pause(tp):
        log.append(("pause", tp))

    def rest(tp):
        log.append(("not committed", tp))
        return pause(tp)

    tp = TP("in", 0)
    event = SimpleNamespace(acknowledge=lambda: log.append("ack"))
    asyncio.run(rest_sources(SimpleNamespace(rest=rest), [tp], [event]))
    assert log == [("not committed", tp), "ack", ("pause", tp)]


def test_what_is_dropped_of_a_source_at_rest_is_not_committed_to_the_group():
    async def scenario():
        tp, paused, offsets = TP("in", 0), [], []
        consumer = PositionedConsumer.__new__(PositionedConsumer)
        consumer.resting, consumer._sought = set(), True
        consumer._acked, consumer._acked_index = {tp: [6]}, {tp: {6}}
        consumer._read_offset, consumer._committed_offset = {}, {}
        consumer.assignment = lambda: {tp}

        async def call(*arguments):
            paused.append(arguments)

        consumer._thread = SimpleNamespace(pause=call, resume=call, seek_wait=call)
        offsets.append(consumer._new_offset(tp))
        pausing = consumer.rest(tp)
        consumer._acked[tp].append(20)
        offsets.append(consumer._new_offset(tp))
        await pausing
        # What waited for other sources was applied while it rested, without another acknowledgement.
        await consumer.wake(tp, 12)
        offsets.append(consumer._new_offset(tp))
        consumer._acked[tp].append(13)
        offsets.append(consumer._new_offset(tp))
        return offsets

    assert asyncio.run(scenario()) == [7, None, 12, 14]
