import asyncio
from types import MappingProxyType, SimpleNamespace

import pytest
from aiokafka import TopicPartition
from faust.types import TP

from streams.running.alignment.alignment import Alignment
from streams.running.cycle import chores
from streams.running.cycle.cycle import Cycle
from streams.running.errors import OwnershipLost, WrongAppendTime
from streams.running.log.claims import StatePartition
from streams.running.log.destinations import DestinationTrouble, Troubles
from streams.running.log.log import Trouble
from streams.running.log.position import SourcePosition
from streams.running.partitions.setback import NotApplied
from streams.running.takeover.write_lock import WriteLock


class Fetched:
    """A fetch of one partition as a Faust event. Its owner needs so many transactions until it is done."""

    def __init__(self, partition, transactions=1, stage="reports", size=5_000_000):
        self.stage = stage
        self.transactions = transactions
        self.acked = False
        self.value = self
        self.message = SimpleNamespace(
            topic="in", partition=partition, generation_id=1, serialized_value_size=size
        )

    def __len__(self):
        return 1

    def ack(self):
        self.acked = True


class Owner:
    """An owner whose batches write their partition's number."""

    def __init__(self, worker, place):
        self.worker = worker
        self.place = place
        self.attempts = SimpleNamespace(is_set_aside=False)
        self.position = {"in": None, "internal": None}
        self.moved = 0
        self.is_released = False
        self.fails_with = None
        self.size = 0
        self.stage = SimpleNamespace(aligned=(), relays=False)
        self.internal_log = TopicPartition("internal", place.partition)

    def takes(self, *_):
        return not self.attempts.is_set_aside

    def passes_over(self, *_):
        return False

    def rests(self, _topic):
        return self.attempts.is_set_aside

    def set_aside(self, failed):
        self.attempts.is_set_aside = True
        self.worker.set_aside.append((self.place, failed))

    async def apply(self, ranges, _until):
        self.worker.applied.append(self.place)
        if self.fails_with is not None:
            raise self.fails_with
        done = 0
        for _, fetched in ranges:
            fetched.transactions -= 1
            if fetched.transactions:
                break
            done += 1
        writes = {("out", 0): [(self.place.partition, b"", [])]}
        return SimpleNamespace(writes=writes, progress=SimpleNamespace(ranges=done), size=self.size)

    def committed(self, _prepared, _seconds):
        self.moved += 1

    def clocks_compared(self, _ahead):
        pass

    def transaction_failed(self, *, fenced):
        self.worker.failed.append(fenced)

    def released(self):
        self.is_released = True


class Worker:
    """Runs cycles with owners that note what they apply, and calls what `after` has for each transaction."""

    def __init__(self, *places):
        self.applied = []
        self.written = []
        self.failed = []
        self.after = {}
        self.resting = []
        self.passed_over = {}
        self.set_aside = []
        self.troubles = Troubles()
        self.app = SimpleNamespace(
            rebalancing_count=1, should_stop=False, consumer=self, has_queued=lambda: False
        )
        self.ownership = SimpleNamespace(write_lock=WriteLock())
        self.ownership.owners = {place: Owner(self, place) for place in places}
        self.alignment = Alignment(lambda: self, lambda: self.ownership.owners, self)
        self.cycle = Cycle(self.app, self.ownership, self, self.alignment)
        self.cycle.follow(1, 1)

    async def write(self, writes, follow):
        self.written.append({place: [key for key, *_ in rows] for place, rows in writes.items()})
        await asyncio.sleep(0)
        self.after.pop(len(self.written), lambda: None)()
        assert await follow.follow(writes, {}) == {}
        return 0

    async def rest(self, tp):
        self.resting.append(tp)

    def pass_over(self, tp, offset):
        self.passed_over[tp] = offset

    def owner(self, place):
        return self.ownership.owners[place]

    async def run(self, *events):
        """Hand over and run until nothing is left. Returns the error, if there is one."""
        running = asyncio.create_task(self.cycle.run())
        for event in events:
            await self.cycle.hand_over(event.stage, event)
        try:
            async with asyncio.timeout(5):
                while not running.done() and not all(event.acked for event in events):
                    await asyncio.sleep(0.001)
                # The cycle goes on after it has acknowledged them: it sets aside what failed, or ends.
                async with self.ownership.write_lock.of_a_cycle():
                    pass
        finally:
            running.cancel()
            await asyncio.wait([running])
        return None if running.cancelled() else running.exception()


# Everything is live, so ticks have the clock of the machine.
STILL = SimpleNamespace(tick_clock=lambda _owner, clock: clock)
A, B, C = StatePartition("reports", 0), StatePartition("reports", 1), StatePartition("requests", 0)


def test_all_partitions_of_all_stages_share_a_transaction():
    async def scenario():
        worker = Worker(A, B, C)
        await worker.run(Fetched(0), Fetched(1), Fetched(0, stage="requests"))
        return worker

    worker = asyncio.run(scenario())
    assert worker.applied == [A, B, C]
    assert worker.written == [{("out", 0): [0, 1, 0]}]
    assert [owner.moved for owner in worker.ownership.owners.values()] == [1, 1, 1]


def test_a_partition_with_much_to_do_does_not_hold_up_the_others():
    async def scenario():
        worker = Worker(A, B)
        long, short = Fetched(0, transactions=5), Fetched(1)
        running = []
        worker.after[2] = lambda: running.append(
            asyncio.create_task(worker.cycle.hand_over("reports", short))
        )
        acked = []
        worker.after[4] = lambda: acked.append(short.acked)
        await worker.run(long)
        return worker, acked, long.acked

    worker, acked, done = asyncio.run(scenario())
    # What is done is acknowledged at once.
    assert worker.applied == [A, A, A, B, A, A]
    assert (acked, done) == ([True], True)


def test_a_partition_that_fails_is_set_aside_and_the_others_are_committed():
    async def scenario():
        worker = Worker(A, B, C)
        worker.owner(B).fails_with = NotApplied([])
        events = [Fetched(0), Fetched(1), Fetched(0, stage="requests")]
        error = await worker.run(*events)
        # What had been fetched of it before it was set aside.
        late, other = Fetched(1), Fetched(0)
        await worker.run(late, other)
        return worker, [*events, late, other], error

    worker, events, error = asyncio.run(scenario())
    assert error is None
    assert [place for place, _ in worker.set_aside] == [B]
    assert worker.written == [{("out", 0): [0, 0]}, {("out", 0): [0]}]
    # A rebalance waits for what was fetched and is not acknowledged.
    assert all(event.acked for event in events)
    assert set(worker.resting) == {TP("in", 1), TP("internal", 1)}
    # It stays owned: nobody else may write to it, and its lag is shown.
    assert list(worker.ownership.owners) == [A, B, C]


@pytest.mark.parametrize("error", [OwnershipLost("records were lost"), WrongAppendTime("a wrong clock")])
def test_an_error_of_the_process_ends_it_once_the_other_partitions_are_committed(error):
    async def scenario():
        worker = Worker(A, B, C)
        worker.owner(A).fails_with = error
        worker.owner(B).fails_with = NotApplied([])
        events = [Fetched(0), Fetched(1), Fetched(0, stage="requests")]
        return worker, await worker.run(*events), events

    worker, raised, events = asyncio.run(scenario())
    assert raised is error
    assert worker.written == [{("out", 0): [0]}]
    assert [event.acked for event in events] == [False, True, True]


def test_nothing_is_owned_after_a_transaction_that_failed():
    async def scenario():
        worker = Worker(A, B)

        async def write(*_):
            raise OwnershipLost("transaction did not commit: ProducerFenced", fenced=True)

        worker.write = write
        events = [Fetched(0), Fetched(1)]
        return worker, await worker.run(*events), events

    worker, error, events = asyncio.run(scenario())
    assert error.fenced
    assert (worker.ownership.owners, worker.failed) == ({}, [True])
    assert not any(event.acked for event in events)


def test_what_does_not_fit_into_a_transaction_waits_for_the_next(monkeypatch):
    async def scenario():
        worker = Worker(A, B)
        worker.owner(A).size = 100 * 1024 * 1024
        await worker.run(Fetched(0, transactions=2), Fetched(1))
        return worker.written

    # The partition that waited comes first.
    assert asyncio.run(scenario()) == [{("out", 0): [0]}, {("out", 0): [1, 0]}]


def test_rebalances_get_the_lock_between_two_transactions_of_a_partition():
    async def scenario():
        worker = Worker(A)
        seen = []

        async def give_up():
            async with worker.ownership.write_lock:
                seen.append(len(worker.written))

        tasks = []
        worker.after[2] = lambda: tasks.append(asyncio.create_task(give_up()))
        await worker.run(Fetched(0, transactions=6))
        await asyncio.gather(*tasks)
        return seen, len(worker.written)

    assert asyncio.run(scenario()) == ([2], 6)


def test_a_rebalance_does_not_wait_for_all_that_a_partition_has_to_do():
    async def scenario():
        worker = Worker(A)
        long, next_of_it = Fetched(0, transactions=50), Fetched(0)

        def begin_rebalance():
            worker.app.rebalancing_count += 1

        worker.after[3] = begin_rebalance
        await worker.run(long, next_of_it)
        return len(worker.written), long.acked, next_of_it.transactions

    # The rest is fetched again. What follows it must not be applied without it. The fourth part was applied
    # while the third was written.
    assert asyncio.run(scenario()) == (4, True, 1)


class SlowBroker(Worker):
    """A worker whose transactions end when `ended` is set."""

    def __init__(self, *places):
        super().__init__(*places)
        self.ended = asyncio.Event()
        self.error = None

    async def write(self, writes, follow):
        await super().write(writes, follow)
        await self.ended.wait()
        if self.error is not None:
            raise self.error
        return 0


async def applied_twice(worker):
    """Hand over an event with two transactions, and wait until both parts of it are applied."""
    event = Fetched(0, transactions=2)
    running = asyncio.create_task(worker.cycle.run())
    await worker.cycle.hand_over("reports", event)
    async with asyncio.timeout(5):
        while len(worker.applied) < 2:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    return event, running


def test_records_are_applied_while_those_before_them_are_written():
    async def scenario():
        worker = SlowBroker(A)
        event, running = await applied_twice(worker)
        # One transaction at a time.
        under_way = len(worker.written), event.acked, worker.owner(A).moved
        turn = asyncio.create_task(worker.ownership.write_lock.__aenter__())
        await asyncio.sleep(0.02)
        waits = not turn.done()
        worker.ended.set()
        await asyncio.wait_for(turn, 5)
        running.cancel()
        return under_way, waits, (len(worker.written), event.acked, worker.owner(A).moved)

    assert asyncio.run(scenario()) == ((1, False, 0), True, (2, True, 2))


def test_what_was_applied_after_a_transaction_that_failed_is_not_written():
    async def scenario():
        worker = SlowBroker(A)
        event, running = await applied_twice(worker)
        worker.error = OwnershipLost("transaction did not commit")
        worker.ended.set()
        await asyncio.wait([running], timeout=5)
        # Also a rebalance that waits for the turn learns of it.
        with pytest.raises(OwnershipLost):
            await worker.ownership.write_lock.__aenter__()
        return running.exception(), len(worker.written), event.acked, worker.ownership.owners

    error, written, acked, owners = asyncio.run(scenario())
    assert isinstance(error, OwnershipLost)
    assert (written, acked, owners) == (1, False, {})


def test_a_transaction_that_fails_while_the_next_records_are_applied_says_why_the_worker_ends():
    async def scenario():
        worker = SlowBroker(A, B)
        worker.error = lost = OwnershipLost("transaction did not commit")
        plain = worker.owner(A).apply

        async def apply(ranges, until):
            if worker.applied:
                worker.ended.set()
                while worker.ownership.owners:
                    await asyncio.sleep(0)
            return await plain(ranges, until)

        worker.owner(A).apply = apply
        running = asyncio.create_task(worker.cycle.run())
        await worker.cycle.hand_over("reports", Fetched(0, transactions=2))
        async with asyncio.timeout(5):
            while not worker.applied:
                await asyncio.sleep(0)
        await worker.cycle.hand_over("reports", Fetched(1))
        await asyncio.wait([running], timeout=5)
        return running.exception() is lost, worker.applied, len(worker.written)

    assert asyncio.run(scenario()) == (True, [A, A], 1)


def test_a_partition_is_not_set_aside_before_what_was_applied_of_it_is_written():
    async def scenario():
        worker = SlowBroker(A)
        event = Fetched(0, transactions=2)
        plain = worker.owner(A).apply

        async def apply(ranges, until):
            if worker.applied:
                worker.applied.append(A)
                raise NotApplied([])
            return await plain(ranges, until)

        worker.owner(A).apply = apply
        running = asyncio.create_task(worker.cycle.run())
        await worker.cycle.hand_over("reports", event)
        await asyncio.sleep(0.1)
        before = len(worker.applied), len(worker.set_aside)
        worker.ended.set()
        await asyncio.sleep(0.1)
        running.cancel()
        return before, len(worker.set_aside), worker.owner(A).moved

    assert asyncio.run(scenario()) == ((2, 0), 1, 1)


@pytest.mark.parametrize("generation", [0, 2])
def test_a_fetch_of_another_generation_is_not_applied(generation):
    async def scenario():
        worker = Worker(A)
        other = Fetched(0)
        other.message.generation_id = generation
        await worker.run(other)
        return worker.applied, other.acked

    assert asyncio.run(scenario()) == ([], True)


def test_a_fetch_of_a_partition_that_was_given_up_is_not_applied():
    async def scenario():
        worker = Worker(A)
        await worker.run(Fetched(1), Fetched(0, stage="requests"))
        return worker.applied

    assert asyncio.run(scenario()) == []


def test_a_stage_waits_while_enough_is_there_for_the_next_cycle():
    async def scenario():
        worker = Worker(A)
        large, more = Fetched(0), Fetched(0)
        large.message.serialized_value_size = 30_000_000
        handing = asyncio.create_task(worker.cycle.hand_over("reports", large))
        await asyncio.sleep(0.01)
        waited = not handing.done()
        await worker.run(more)
        await asyncio.wait_for(handing, 5)
        return waited, large.acked

    assert asyncio.run(scenario()) == (True, True)


class IdleOwner:
    """The part of a PartitionOwner that the chores use. Its request to the brokers yields to other tasks."""

    position = MappingProxyType({})

    def __init__(self, partition, log):
        self.log = log
        self.partition = partition
        self.last_applied_at = 0
        self.attempts = SimpleNamespace(is_set_aside=False)
        self.markers_stepped_at = -2 * chores.MARKERS_SECONDS
        self.state_log = "state", partition

    def wake(self):
        return []

    async def tick(self, _now):
        return SimpleNamespace(writes={("internal", self.partition): [b"tick"]})

    def ticked(self):
        self.last_applied_at = float("inf")

    async def past_markers(self):
        self.log.append(self.partition)
        await asyncio.sleep(0)
        return self.position


def test_batches_are_applied_between_the_requests_for_several_partitions(monkeypatch):
    monkeypatch.setattr(chores, "TICK_CHECK_SECONDS", 0)
    looks, ticks = [], []

    async def scenario():
        asked = []
        owners = {StatePartition("reports", n): IdleOwner(n, asked) for n in range(3)}

        async def nothing():
            pass

        async def write(_owners, parts):
            ticks.append(parts)

        ownership = SimpleNamespace(write_lock=asyncio.Lock(), owners=owners)
        app, writes = (
            SimpleNamespace(consumer=None),
            SimpleNamespace(
                write=write, blocking=lambda _writes: [], claim_what_waits=nothing, write_notes=nothing
            ),
        )
        doing = asyncio.create_task(chores.do_chores(app, ownership, writes, STILL))
        while len(looks) < 8:
            async with ownership.write_lock:
                looks.append(list(asked))
            await asyncio.sleep(0)
        doing.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 5))
    # A cycle gets the lock between any two requests, and there is one request per partition.
    assert [len(looks[at + 1]) - len(looks[at]) for at in range(len(looks) - 1)].count(1) == 3
    assert looks[-1] == [0, 1, 2]
    # The ticks of all partitions share a transaction.
    assert ticks == [[{("internal", n): [b"tick"]} for n in range(3)]]


def test_a_partition_whose_tick_fails_is_set_aside_and_the_others_are_ticked():
    class Failing(IdleOwner):
        place, position = A, {"in": None}

        async def tick(self, _now):
            raise NotApplied([])

        def set_aside(self, failed):
            self.attempts.is_set_aside = True

    async def scenario():
        owners = {A: Failing(0, []), B: IdleOwner(1, [])}
        ticks, resting = [], []

        async def write(_owners, parts):
            ticks.extend(parts)

        async def rest(tp):
            resting.append(tp)

        app = SimpleNamespace(consumer=SimpleNamespace(rest=rest))
        # Not again while it is set aside.
        for _ in range(2):
            writes = SimpleNamespace(write=write, blocking=lambda _writes: [])
            await chores._tick(app, SimpleNamespace(owners=owners), writes, STILL)
            assert owners[A].attempts.is_set_aside
        return ticks, resting

    assert asyncio.run(scenario()) == ([{("internal", 1): [b"tick"]}], [TP("in", 0)])


def test_what_a_worker_has_room_for_is_told_to_those_who_do_not_know_it():
    class Told(IdleOwner):
        has_room = True

        async def say_room(self, *, has_room):
            if has_room == self.has_room:
                return None
            return SimpleNamespace(writes={("internal", self.partition): [has_room]})

    async def scenario():
        owners = {A: Told(0, []), B: Told(1, [])}
        owners[B].has_room = False
        written = []

        async def write(_owners, parts):
            written.append(parts)

        writes = SimpleNamespace(write=write, blocking=lambda _writes: [])
        for has_room in (None, False, True):
            await chores._say_room(has_room, None, SimpleNamespace(owners=owners), writes)
        return written

    assert asyncio.run(scenario()) == [[{("internal", 0): [False]}], [{("internal", 1): [True]}]]


class Passing(Owner):
    """An owner that passes what it applies on to its own internal topic."""

    def __init__(self, worker, place):
        super().__init__(worker, place)
        self.own = []
        self.own_fails_with = None
        self.committed_position = {"internal": SourcePosition(8 + place.partition, 4, 1_000)}

    async def apply(self, ranges, until=None):
        prepared = await super().apply(ranges, until)
        prepared.writes["internal", self.place.partition] = [(b"", b"passed on", [])]
        return prepared

    async def apply_own(self, topic, rows, appended):
        assert (topic, appended) == ("internal", ["here"])
        if self.own_fails_with is not None:
            raise self.own_fails_with
        self.own += [value for _, value, _ in rows]
        writes = {("out", 0): [(f"of {self.place.partition}", b"", [])]}
        return SimpleNamespace(writes=writes, progress=SimpleNamespace(ranges=1), size=0)


class PassingWorker(Worker):
    """A worker whose transactions end with what follows from them."""

    def __init__(self, *places):
        super().__init__(*places)
        self.ownership.owners = {place: Passing(self, place) for place in places}

    async def write(self, writes, follow):
        self.written.append({})
        while writes:
            self.written[-1] |= {to: [key for key, *_ in rows] for to, rows in writes.items()}
            told = {to: rows for to, rows in writes.items() if to in follow.logs}
            writes = await follow.follow(told, dict.fromkeys(told, ["here"]))
        return 0


def test_what_a_process_passes_on_to_itself_is_applied_in_the_same_transaction():
    worker = PassingWorker(A, B)
    assert asyncio.run(worker.run(Fetched(0, size=100), Fetched(1, size=100))) is None
    assert worker.written == [
        {("out", 0): ["of 0", "of 1"], ("internal", 0): [b""], ("internal", 1): [b""]},
    ]
    for place in (A, B):
        assert worker.owner(place).own == [b"passed on"]
        # For what was fetched, and for what followed.
        assert worker.owner(place).moved == 2
    # It need not be fetched any more.
    assert worker.passed_over == {TP("internal", 0): 8, TP("internal", 1): 9}


def test_a_backlog_is_not_followed():
    worker = PassingWorker(A, B)
    assert asyncio.run(worker.run(Fetched(0), Fetched(1))) is None
    assert [worker.owner(place).own for place in (A, B)] == [[], []]
    assert worker.passed_over == {}


def test_a_partition_that_fails_in_what_follows_is_set_aside_alone():
    worker = PassingWorker(A, B)
    failed = NotApplied([])
    worker.owner(A).own_fails_with = failed
    assert asyncio.run(worker.run(Fetched(0, size=100), Fetched(1, size=100))) is None
    assert worker.set_aside == [(A, failed)]
    assert worker.written[0]["out", 0] == ["of 1"]
    # What was fetched of it is applied and committed.
    assert [worker.owner(place).moved for place in (A, B)] == [1, 2]
    assert worker.passed_over == {TP("internal", 1): 9}


def test_an_error_of_the_process_in_what_follows_is_raised_after_the_commit():
    worker = PassingWorker(A, B)
    worker.owner(A).own_fails_with = error = WrongAppendTime("ahead")
    assert asyncio.run(worker.run(Fetched(0, size=100))) is error
    assert worker.owner(A).moved == 1
