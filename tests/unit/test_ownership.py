import asyncio
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from faust.types import TP
from structlog.testing import capture_logs

from streams.running.errors import OwnershipLost, RefusedToStart
from streams.running.log.claims import StatePartition
from streams.running.log.destinations import DestinationTrouble, Troubles
from streams.running.log.log import FoundOffset, Trouble
from streams.running.log.position import SourcePosition
from streams.running.log.source_logs import LogBounds
from streams.running.takeover import state_reading
from streams.running.takeover.ownership import OwnedStage, Ownership

SOURCES = ("reports", "outcomes", "reports-internal")


class Owner:
    """A replacement for PartitionOwner that logs its calls."""

    def __init__(self, partition, log):
        self.place = StatePartition("reports", partition)
        self.log = log
        self.attempts = SimpleNamespace(is_set_aside=False)
        self.state_log = TopicPartition("state", partition)
        self.position = {"reports": SourcePosition(10 + partition, 4, None)}

    def to_be_restored(self):
        pass

    def source_logs(self):
        return [TopicPartition(topic, self.place.partition) for topic in SOURCES]

    async def restore(self, _consumer, bounds, end, _blocked):
        assert bounds.begins.keys() >= {self.state_log, *self.source_logs()}
        self.log.append(("restore", self.place.partition, end))
        return SimpleNamespace(records=100, has_position=True)

    def released(self):
        self.log.append(("released", self.place.partition))


class Fleet:
    """What a worker sees of the brokers: the ends of state logs, and which logs got records after a release."""

    prefix = ""

    def __init__(self, log):
        self.log = log
        self.end = 5
        self.changed = set()
        # Where the first record with the time of the last applied one is.
        self.found_at = 0
        self.troubles = Troubles()
        self.leaderless = []
        self.renewed = 0

    async def look_at_troubles(self, destinations=()):
        self.troubles.end([each for each in destinations if each not in self.leaderless])
        self.troubles.note(Trouble(each, "no_leader") for each in destinations if each in self.leaderless)

    async def renew(self):
        self.renewed += 1
        return f"id-{self.renewed}"

    async def ends(self, tps):
        assert not set(tps) & set(self.leaderless), "no broker answers"
        self.log.append("ends")
        return dict.fromkeys(tps, self.end)

    async def bounds(self, tps):
        return LogBounds(dict.fromkeys(tps, 0), dict.fromkeys(tps, 20))

    async def offsets(self, times):
        return {tp: FoundOffset(self.found_at, at) for tp, at in times.items()}

    async def partition_count(self, _topic):
        return 4


class Claims:
    """A replacement for Claims, and for its Look."""

    def __init__(self, log):
        self.log = log
        self.since = None
        self.tp = TopicPartition("claims", 0)
        self.places = ()
        self.release_fails = None

    async def claim(self, places, generation, _member):
        self.log.append(("claim", [place.partition for place in places], generation))

    def viewing(self, _is_current, ended=()):
        self.ended = ended
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def fence_others(self):
        self.log.append("look")

    async def note_fenced(self):
        self.log.append("note fenced")

    async def release(self):
        if self.release_fails is not None:
            raise self.release_fails
        self.log.append("release")


@pytest.fixture
def log():
    return []


@pytest.fixture
def fleet(log, monkeypatch):
    made = Fleet(log)

    async def follows(_consumer, tp, begin, end, _blocked):
        log.append(("look at", tp.partition, begin, end))
        return tp.partition in made.changed

    monkeypatch.setattr(state_reading, "anything_follows", follows)
    return made


@pytest.fixture
def make(fleet, log):
    def made(new_owner=Owner):
        stages = {"reports": OwnedStage(SOURCES, lambda partition: new_owner(partition, log))}
        ownership = Ownership(SimpleNamespace(reader=nullcontext), fleet, stages)
        ownership._claims = Claims(log)
        return ownership

    return made


@pytest.fixture
def ownership(make):
    return make()


def tps(*partitions):
    return [TP(topic, n) for n in partitions for topic in SOURCES]


def follow(ownership, generation, *partitions):
    return asyncio.run(ownership.follow(tps(*partitions), generation, "member", None))


def give_up(ownership):
    asyncio.run(ownership.give_up())


def test_the_ends_are_asked_for_when_all_others_are_fenced(ownership, log):
    assert follow(ownership, 1, 0, 1)
    assert log == [
        ("claim", [0, 1], 1), "look", "ends", ("restore", 0, 5), ("restore", 1, 5), "note fenced",
    ]  # fmt: skip
    assert ownership.positions() == {TP("reports", 0): 10, TP("reports", 1): 11}


def test_following_the_same_generation_again_changes_nothing(ownership, log):
    follow(ownership, 1, 0)
    log.clear()
    assert follow(ownership, 1, 0)
    assert log == []


def test_the_same_generation_after_a_release_is_taken_over_anew(ownership, log):
    """A group that was reset counts its generations from 1 again."""
    follow(ownership, 1, 0)
    give_up(ownership)
    log.clear()
    follow(ownership, 1, 0)
    assert log[0] == ("claim", [0], 1)


def test_a_state_log_that_is_shorter_than_before_is_another_one(ownership, log, fleet):
    follow(ownership, 1, 0)
    give_up(ownership)
    fleet.end = 2
    follow(ownership, 2, 0)
    assert ("restore", 0, 2) in log


def test_partitions_are_released_before_the_next_assignment_is_known(ownership, log):
    follow(ownership, 1, 0, 1)
    log.clear()
    give_up(ownership)
    assert (log, ownership.owners) == (["ends", "release"], {})
    # Metrics go on meanwhile.
    assert [owner.place.partition for owner in ownership.known_owners()] == [0, 1]


def test_a_partition_to_which_nobody_wrote_meanwhile_keeps_its_state(ownership, log):
    follow(ownership, 1, 0, 1)
    kept = ownership.owners[StatePartition("reports", 0)]
    give_up(ownership)
    log.clear()
    follow(ownership, 2, 0, 2)
    assert ownership.owners[StatePartition("reports", 0)] is kept
    assert log == [("released", 1), ("claim", [0, 2], 2), "look", "ends", ("restore", 2, 5), "note fenced"]


def test_a_partition_that_is_set_aside_has_no_state_to_keep(ownership, log):
    follow(ownership, 1, 0, 1)
    ownership.owners[StatePartition("reports", 0)].attempts.is_set_aside = True
    log.clear()
    give_up(ownership)
    assert log == [("released", 0), "ends", "release"]
    follow(ownership, 2, 0, 1)
    assert [entry for entry in log if entry[0] == "restore"] == [("restore", 0, 5)]
    assert not ownership.owners[StatePartition("reports", 0)].attempts.is_set_aside


@pytest.mark.parametrize(("changed", "restored"), [(set(), []), ({0}, [("restore", 0, 8)])])
def test_a_partition_whose_log_grew_keeps_its_state_if_only_markers_were_added(
    ownership, log, fleet, changed, restored
):
    follow(ownership, 1, 0)
    give_up(ownership)
    log.clear()
    fleet.end, fleet.changed = 8, changed
    follow(ownership, 3, 0)
    assert log[3:] == [("look at", 0, 5, 8), *restored, "note fenced"]


def test_a_rebalance_interrupts_a_takeover(make, log):
    class Slow(Owner):
        async def restore(self, *_):
            self.log.append("reading")
            await asyncio.sleep(60)

    async def scenario():
        ownership = make(Slow)
        following = asyncio.create_task(ownership.follow(tps(0), 1, "member", None))
        while "reading" not in log:
            await asyncio.sleep(0)
        await ownership.give_up()
        return await following, ownership.owners

    assert asyncio.run(asyncio.wait_for(scenario(), 5)) == (False, {})
    # A claim was written, so a release is due.
    assert log[-2:] == [("released", 0), "release"]


def test_state_is_kept_over_an_interrupted_takeover(make, log):
    class Slow(Owner):
        async def restore(self, *reading):
            records = await super().restore(*reading)
            if self.place.partition:
                await asyncio.sleep(60)
            return records

    async def scenario():
        ownership = make(Slow)
        await ownership.follow(tps(0), 1, "member", None)
        await ownership.give_up()
        following = asyncio.create_task(ownership.follow(tps(0, 1), 2, "member", None))
        while ("restore", 1, 5) not in log:
            await asyncio.sleep(0)
        await ownership.give_up()
        await following
        await ownership.follow(tps(0), 3, "member", None)

    asyncio.run(asyncio.wait_for(scenario(), 5))
    assert log.count(("restore", 0, 5)) == 1


def test_a_takeover_that_was_cancelled_by_others_ends_the_worker(make):
    class Cancelled(Owner):
        async def restore(self, *_):
            raise asyncio.CancelledError

    with pytest.raises(OwnershipLost, match="reading the state was cancelled"):
        follow(make(Cancelled), 1, 0)


def test_the_first_error_ends_a_takeover_and_nothing_is_owned(make, log):
    class Failing(Owner):
        async def restore(self, *_):
            if self.place.partition == 1:
                raise RefusedToStart("damaged")
            await asyncio.sleep(60)

    ownership = make(Failing)
    with pytest.raises(RefusedToStart, match="damaged"):
        follow(ownership, 1, 0, 1, 2)
    assert ownership.owners == {}
    assert [entry for entry in log if entry[0] == "released"] == [("released", n) for n in range(3)]


def test_a_release_that_fails_ends_the_worker(ownership):
    follow(ownership, 1, 0)
    ownership._claims.release_fails = OwnershipLost("no release")
    with pytest.raises(OwnershipLost, match="no release"):
        give_up(ownership)


def test_a_release_that_meets_the_end_of_a_leader_is_left_to_who_claims_next(ownership, log, fleet):
    follow(ownership, 1, 0)
    ownership._claims.release_fails = DestinationTrouble([Trouble(ownership._claims.tp, "no_leader")])
    give_up(ownership)
    # Nobody writes under the id that has claimed.
    assert fleet.renewed == 1
    assert ownership.owners == {}
    log.clear()
    # Its state is still in memory, and nobody has written to it.
    assert follow(ownership, 2, 0)
    assert "restore" not in {entry[0] for entry in log}
    assert list(ownership.owners) == [StatePartition("reports", 0)]


def test_a_partition_whose_state_has_no_leader_is_released_without_asking_how_far_it_is(
    ownership, log, fleet
):
    follow(ownership, 1, 0, 1)
    fleet.leaderless = [TopicPartition("state", 1)]
    log.clear()
    give_up(ownership)
    assert log == [("released", 1), "ends", "release"]


@pytest.mark.parametrize("partitions", [(), (0, 1)])
def test_a_note_that_meets_the_end_of_a_leader_is_no_end_of_the_worker(ownership, log, fleet, partitions):
    follow(ownership, 1, *partitions)
    log.clear()
    asyncio.run(ownership.take_over_again())
    assert log[0] == ("claim", list(partitions), 1)
    assert ownership._claims.ended == ("id-1",)
    assert [place.partition for place in ownership.owners] == list(partitions)


def test_a_note_between_two_assignments_claims_nothing(ownership, log, fleet):
    follow(ownership, 1, 0)
    give_up(ownership)
    log.clear()
    asyncio.run(ownership.take_over_again())
    assert (log, ownership.owners, fleet.renewed) == ([], {}, 1)


def test_partitions_are_read_a_few_at_a_time(make):
    running, most = 0, 0

    class Slow(Owner):
        async def restore(self, *_):
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            running -= 1
            return SimpleNamespace(records=0, has_position=True)

    follow(make(Slow), 1, *range(3 * state_reading.CONSUMERS))
    assert most == state_reading.CONSUMERS


def test_a_takeover_says_how_far_it_is_once_a_second(make, log, monkeypatch):
    class Watched(Owner):
        def to_be_restored(self):
            self.log.append(("to be restored", self.place.partition))

        async def restore(self, *reading):
            clock[0] += 0.25
            return await super().restore(*reading)

    clock = [100.0]
    monkeypatch.setattr(state_reading.time, "monotonic", lambda: clock[0])
    ownership = make(Watched)
    with capture_logs() as logs:
        follow(ownership, 1, *range(10))
    line = {"event": "taking over partitions", "log_level": "info", "of": 10}
    assert logs == [line | {"done": done, "state_records": 100 * done} for done in (4, 8)]
    # For /readyz: all of them are known before the first is restored.
    assert log.index(("to be restored", 9)) < log.index(("restore", 0, 5))
    assert (ownership.partitions_read, ownership.records_read) == (10, 1000)
    give_up(ownership)
    follow(ownership, 2, *range(10))
    assert (ownership.partitions_read, ownership.records_read) == (0, 0)


def test_a_partition_without_its_counterpart_is_refused(ownership, log):
    with pytest.raises(RefusedToStart, match="partition 2 was assigned without its counterpart in outcomes"):
        asyncio.run(ownership.follow([*tps(0, 1), TP("reports", 2)], 1, "member", None))
    assert log == []


def test_topics_of_other_stages_are_ignored(ownership, log):
    asyncio.run(ownership.follow([*tps(0), TP("other", 7)], 1, "member", None))
    assert log[0] == ("claim", [0], 1)


def test_at_the_end_all_is_released_even_if_no_broker_answers(ownership, log):
    follow(ownership, 1, 0, 1)
    ownership._claims.release_fails = True
    log.clear()
    asyncio.run(ownership.end())
    assert (log, ownership.owners) == ([("released", 0), ("released", 1)], {})


class Applied(Owner):
    """Has applied records: the last one at offset 9, 1,000 ms after the epoch."""

    def __init__(self, partition, log):
        super().__init__(partition, log)
        self.position = {"reports": SourcePosition(10, 4, 1_000)}


def test_only_logs_in_which_the_last_applied_record_is_not_found_by_its_time_are_read(
    make, fleet, monkeypatch
):
    read = []

    async def require(_consumer, tp, position):
        read.append((tp.partition, position.next_offset))

    monkeypatch.setattr(state_reading, "require_same_log", require)
    follow(make(Applied), 1, 0, 1)
    assert read == []
    # The log of a recreated topic may have a record of that time, but not at or before the position.
    fleet.found_at = 10
    follow(make(Applied), 1, 0, 1)
    assert read == [(0, 10), (1, 10)]


class New(Owner):
    async def restore(self, *reading):
        await super().restore(*reading)
        return SimpleNamespace(records=0, has_position=self.place.partition == self.known)


@pytest.mark.parametrize(("known", "asked"), [(None, 1), (1, 0)])
def test_without_any_position_the_number_of_partitions_is_looked_up_once(make, monkeypatch, known, asked):
    counts = []

    async def require(_consumer, log, partitions):
        counts.append((log.topic, partitions))

    monkeypatch.setattr(state_reading, "require_partition_count", require)
    New.known = known
    follow(make(New), 1, 0, 1, 2)
    assert counts == [("state", 4)] * asked
