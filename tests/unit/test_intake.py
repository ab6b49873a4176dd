import asyncio
import time
from types import SimpleNamespace

from streams.runtime import intake


class Owner:
    """The part of a PartitionOwner that the chores use. Its request to the brokers yields to other tasks."""

    def __init__(self, partition, log):
        self.partition = partition
        self.log = log
        self.last_applied_at = time.monotonic()
        self.markers_stepped_at = time.monotonic() - 2 * intake.MARKERS_SECONDS

    def wake(self):
        return []

    async def step_over_markers(self):
        self.log.append(self.partition)
        await asyncio.sleep(0)


class Owned:
    def __init__(self, owners):
        self.turn = asyncio.Lock()
        self.owners = owners

    def settled_owners(self):
        return list(self.owners)


def test_batches_are_applied_between_the_requests_for_several_partitions(monkeypatch):
    monkeypatch.setattr(intake, "TICK_CHECK_SECONDS", 0)
    looks = []

    async def scenario():
        asked = []
        ownership = Owned([Owner(partition, asked) for partition in range(3)])
        chores = asyncio.create_task(intake._do_chores(None, ownership))
        while len(looks) < 6:
            async with ownership.turn:
                looks.append(list(asked))
            await asyncio.sleep(0)
        chores.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 5))
    # A batch gets the lock between any two requests, and there is one request per partition.
    assert [len(looks[at + 1]) - len(looks[at]) for at in range(len(looks) - 1)].count(1) == 3
    assert looks[-1] == [0, 1, 2]


class Fetched:
    """A fetch of one partition as a Faust event. Its owner writes so many transactions until it is done."""

    def __init__(self, partition, transactions=1):
        self.transactions = transactions
        self.acked = False
        self.value = self
        self.message = SimpleNamespace(
            topic="in", partition=partition, generation_id=1, tracked=False, serialized_value_size=100
        )

    def ack(self):
        self.acked = True


class Worker:
    """Runs the intake with owners that note each transaction in `log`, and then call what `after` has for it."""

    def __init__(self):
        self.log = []
        self.after = {}
        self.queue = asyncio.Queue()
        self.turn = asyncio.Lock()
        self.app = SimpleNamespace(
            consumer_generation_id=1,
            rebalancing_count=1,
            should_stop=False,
            consumer=SimpleNamespace(track_message=lambda _: None),
        )

    def owner(self, partition):
        async def apply(ranges, _processor):
            self.log.append(partition)
            self.after.pop(len(self.log), lambda: None)()
            done = 0
            for _, fetched in ranges:
                fetched.transactions -= 1
                if fetched.transactions:
                    break
                done += 1
            return done

        return SimpleNamespace(apply=apply, takes=lambda *_: True)

    async def run(self, first):
        async def events():
            yield first

        topic = SimpleNamespace(queue=self.queue, waiting=SimpleNamespace(room=asyncio.Event()))
        stream = SimpleNamespace(channel=topic, noack=lambda: SimpleNamespace(events=events))
        ownership = SimpleNamespace(
            turn=self.turn, owners={number: self.owner(number) for number in range(2)}, settled_owners=list
        )
        await asyncio.wait_for(intake.run_intake(self.app, stream, ownership), 5)


def test_a_partition_with_much_to_do_does_not_hold_up_the_others():
    async def scenario():
        worker = Worker()
        long, short = Fetched(0, transactions=5), Fetched(1)
        worker.after[2] = lambda: worker.queue.put_nowait(short)
        acked = []
        worker.after[5] = lambda: acked.append(short.acked)
        await worker.run(long)
        return worker.log, acked, long.acked

    log, acked, done = asyncio.run(scenario())
    # One transaction of each partition per cycle, and what is done is acknowledged at once.
    assert log == [0, 0, 0, 1, 0, 0]
    assert (acked, done) == ([True], True)


def test_chores_and_rebalances_get_the_lock_between_two_transactions_of_a_partition():
    async def scenario():
        worker = Worker()
        seen = []

        async def chores():
            async with worker.turn:
                seen.append(len(worker.log))

        tasks = []
        worker.after[2] = lambda: tasks.append(asyncio.create_task(chores()))
        await worker.run(Fetched(0, transactions=6))
        await asyncio.gather(*tasks)
        return seen, worker.log

    seen, log = asyncio.run(scenario())
    assert (seen, len(log)) == ([2], 6)


def test_a_rebalance_does_not_wait_for_all_that_a_partition_has_to_do():
    async def scenario():
        worker = Worker()
        long, next_of_it = Fetched(0, transactions=50), Fetched(0)

        def begin_rebalance():
            worker.app.rebalancing_count += 1
            worker.queue.put_nowait(next_of_it)

        worker.after[3] = begin_rebalance
        await worker.run(long)
        return worker.log, long.acked, next_of_it.transactions

    log, acked, left = asyncio.run(scenario())
    # The rest is fetched again. What follows it in the queue must not be applied without it.
    assert (log, acked, left) == ([0, 0, 0], True, 1)


def test_the_generation_after_the_one_given_up_is_applied_to_its_end():
    async def scenario():
        worker = Worker()
        later = Fetched(1, transactions=2)
        later.message.generation_id = 2

        def rebalance():
            worker.app.rebalancing_count += 1
            worker.app.consumer_generation_id = 2
            worker.queue.put_nowait(later)

        worker.after[1] = rebalance
        await worker.run(Fetched(0, transactions=50))
        return worker.log, later.acked

    assert asyncio.run(scenario()) == ([0, 1, 1], True)


def test_a_fetch_of_an_earlier_generation_does_not_end_the_current_one():
    async def scenario():
        worker = Worker()
        current = Fetched(1, transactions=3)
        current.message.generation_id = 2
        worker.queue.put_nowait(current)
        async with worker.turn:
            # The stream has yielded the old fetch, and waits for the lock that the rebalance holds.
            running = asyncio.create_task(worker.run(Fetched(0)))
            await asyncio.sleep(0.01)
            worker.app.rebalancing_count += 1
            worker.app.consumer_generation_id = 2
        await running
        return worker.log, current.acked

    assert asyncio.run(scenario()) == ([1, 1, 1], True)
