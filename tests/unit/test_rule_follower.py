"""A worker follows the log of rule changes: sets are ready before they are in force, and bad ones change nothing."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
from aiokafka import TopicPartition
from msgspec.structs import replace
from structlog.testing import capture_logs

from streams.contract.events.internal.rules_switch import RulesSwitch
from streams.contract.events.rules.rule_change import RuleActor, RuleChange
from streams.contract.events.rules.rule_set import FORMAT, RuleFile, RuleSet
from streams.contract.events.rules.rule_trial import RuleTrialCount
from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.rule_change_decoding import rule_change_record
from streams.contract.wire.rules.rule_set import encode_rule_set, rule_set_id, rule_set_record
from streams.contract.wire.rules.rule_trial import rule_trial_record
from streams.contract.wire.state_records import RulesMissing
from streams.deciding.partition.rules_in_force import Ruling
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.registry.changes.bundle import rule_files
from streams.registry.changes.keys import NOBODY, ON_TRUST
from streams.running.worker.rule_changes import following
from streams.running.worker.rule_changes.following import RuleFollower
from streams.running.worker.rule_changes.log_reading import ChangesReading
from streams.running.worker.rule_changes.shelf import Shelf
from streams.running.worker.rule_changes.trial import Verdict
from streams.running.worker.rule_changes.trial_watch import TrialWatch
from tests.model.memory_log import Brokers
from tests.shipped import RULES
from tests.unit.rule_log import CHANGES, FILES, OTHER, SAME, SETS, RuleLog, policies, rule_set

TRIALS = TopicPartition("rule-trials", 0)


class World(RuleLog):
    """Brokers with the two logs, and a follower that tries sets in this process."""

    def __init__(self, may_act=ON_TRUST):
        super().__init__()
        self.tried = []
        self.bad = set()
        self.told = []
        self.written = []
        self.shelf = Shelf(lambda rules: [reporter_stage(compile_reporter_rules(rules))], RULES)
        self.reading = ChangesReading(self.brokers.log(), "", may_act)
        self.watch = TrialWatch(self.brokers.log(), "", self.reading.history, self.shelf, self.write)
        self.follower = RuleFollower(
            self.brokers.log(), self.reading, self.shelf, "", self.told.append, self.try_set, watch=self.watch
        )

    async def write(self, record):
        self.written.append(record)
        self.brokers.append(CHANGES, [(record.key, record.value, list(record.headers))])

    async def try_set(self, rule_set, _value):
        self.tried.append(rule_set)
        return Verdict(("it crashes",) if rule_set in self.bad else (), 0.0)

    async def follows(self, until):
        task = asyncio.create_task(self.follower.follow())
        try:
            async with asyncio.timeout(60):
                while not until():
                    assert not task.done(), task.exception()
                    await asyncio.sleep(0.01)
        finally:
            task.cancel()
            await asyncio.wait([task])

    @property
    def stage(self):
        return self.shelf.stages()[0]


@pytest.fixture
def world():
    return World()


async def caught_up(world):
    waits = []
    await world.follower.catch_up(waits.append)
    return waits


def test_while_the_log_is_empty_the_files_rule(world):
    assert asyncio.run(caught_up(world)) == [None]
    assert (world.follower.wanted(), world.told, world.tried) == (None, [], [])
    assert not world.follower.standing().differs


def test_a_proposal_is_ready_before_it_is_approved_and_then_wanted_at_once(world):
    async def story():
        await caught_up(world)
        name = world.propose(SAME)
        await world.follows(lambda: name in world.shelf)
        assert world.follower.wanted() is None
        world.act("approved", name, "bob")
        await world.follows(lambda: world.follower.wanted() == RulesSwitch(name, 3))
        assert world.tried == [name]
        # The same files: nothing differs, and operators are told once by which rules is judged.
        assert (len(world.told), world.follower.standing().differs) == (1, False)

    asyncio.run(story())


def test_a_set_that_crashes_is_not_ready_and_nothing_changes(world):
    async def story():
        first = world.in_force(SAME)
        await caught_up(world)
        assert world.follower.wanted() == RulesSwitch(first, 3)
        world.bad.add(rule_set_id(OTHER))
        second = world.in_force(OTHER, first)
        with capture_logs() as logs:
            await world.follows(lambda: second in world.tried and world.follower.standing().not_ready[0][1])
        assert world.follower.history.in_force.rule_set == second
        assert world.follower.wanted() is None
        assert world.follower.standing().not_ready == ((second, "it crashes"),)
        assert [log["why"] for log in logs if log["log_level"] == "error"] == ["it crashes"]
        # The last good one stays ready for those who are judged by it.
        assert first in world.shelf
        state = world.stage.restore(0, 1)
        with pytest.raises(RulesMissing):
            world.stage.with_rules(Ruling(second))
        assert world.stage.for_state(state) is world.stage

    asyncio.run(story())


@pytest.mark.parametrize("kind", ["missing", "other content", "later format"])
def test_a_worker_that_cannot_use_what_is_in_force_joins_no_group(world, kind, monkeypatch):
    monkeypatch.setattr(following, "AGAIN_SECONDS", 0.01)
    value = encode(replace(_decoded(SAME), format=2)) if kind == "later format" else SAME
    name = rule_set_id(value)
    if kind == "other content":
        world.put(OTHER, key=name.encode())
    elif kind == "later format":
        world.put(value)
    world.act("proposed", name)
    world.act("checked", name, passed=True)
    world.act("approved", name, "bob")
    waits = []

    async def story():
        task = asyncio.create_task(world.follower.catch_up(waits.append))
        while not waits and not task.done():
            await asyncio.sleep(0.01)
        assert not task.done()
        if kind != "later format":
            # It is written after all.
            world.put(SAME)
            await asyncio.wait_for(task, 60)
            assert waits[-1] is None
            assert world.follower.wanted() == RulesSwitch(name, 3)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(story())
    why = {"missing": "not in rule-sets", "other content": "hash", "later format": "format 2"}
    assert why[kind] in waits[0]


def _decoded(value):
    return msgspec.json.decode(value, type=RuleSet)


def test_without_keys_no_act_counts():
    world = World(NOBODY)
    world.in_force(SAME)
    assert asyncio.run(caught_up(world)) == [None]
    assert world.follower.history.in_force is None
    assert len(world.follower.history.acts) == 3


def test_what_is_no_act_is_passed_over(world):
    world.brokers.append(CHANGES, [(b"k", b"{}", []), (b"k", None, []), (b"k", b"\xff", [])])
    name = world.in_force(SAME)
    asyncio.run(caught_up(world))
    assert world.follower.wanted() == RulesSwitch(name, 3)


def test_a_set_that_a_partition_asks_for_is_made_ready_although_it_is_not_in_force(world):
    """The partition had no owner while several changes came."""

    async def story():
        first = world.in_force(SAME)
        parent, others = first, []
        for number in range(3):
            value = rule_set(f"reason {number}", parent)
            parent = world.in_force(value, parent)
            others.append(parent)
        await caught_up(world)
        assert first not in world.shelf
        with pytest.raises(RulesMissing):
            world.stage.with_rules(Ruling(first))
        await world.follows(lambda: first in world.shelf)
        assert world.stage.with_rules(Ruling(first)).ruling == Ruling(first)
        # What nobody ever approved is never made ready.
        with pytest.raises(RulesMissing):
            world.stage.with_rules(Ruling("f" * 64))
        assert "f" * 64 not in world.follower._needed()

    asyncio.run(story())


def test_another_record_under_the_id_of_a_set_does_not_take_its_place(world):
    name = world.in_force(SAME)
    world.put(OTHER, key=name.encode())
    world.brokers.append(SETS, [(name.encode(), b"garbage", []), (name.encode(), None, [])])
    asyncio.run(caught_up(world))
    assert world.follower.wanted() == RulesSwitch(name, 3)


def test_files_that_differ_are_said_once(world):
    with capture_logs() as logs:
        world.in_force(OTHER)
        asyncio.run(caught_up(world))
    assert world.follower.wanted() is not None
    assert [log for log in logs if "files of this installation differ" in log["event"]]
    assert world.follower.standing().differs


def test_a_worker_that_starts_without_the_beginning_of_the_log_waits_until_rules_are_approved(
    world, monkeypatch
):
    monkeypatch.setattr(following, "AGAIN_SECONDS", 0.01)
    first = world.in_force(SAME)
    world.brokers.delete_records(CHANGES, world.version)
    waits = []

    async def story():
        task = asyncio.create_task(world.follower.catch_up(waits.append))
        while not waits:
            await asyncio.sleep(0.01)
        assert "below offset 3 were deleted" in waits[0]
        ((named, why),) = world.follower.standing().not_ready
        assert (named, "below offset 3 were deleted" in why) == ("rule-changes", True)
        assert world.follower.wanted() is None
        # What an act from before would have needed is not there.
        world.act("rolled_back", first)
        # A command reads the same log, and expects the version that it has.
        world.version = 3_000_000
        second = world.in_force(OTHER)
        await asyncio.wait_for(task, 60)
        assert waits[-1] is None
        assert world.follower.wanted() == RulesSwitch(second, 3_000_003)
        # A partition is judged by the first one until it has read that.
        with pytest.raises(RulesMissing):
            world.stage.with_rules(Ruling(first))
        await world.follows(lambda: first in world.shelf)
        assert world.follower.standing().not_ready == ()

    with capture_logs() as logs:
        asyncio.run(story())
    said = [log["why"] for log in logs if log["event"] == "the log of rule changes lacks its beginning"]
    assert len(said) == 1


@pytest.mark.parametrize("behind", [False, True])
def test_a_worker_that_runs_follows_what_is_approved_after_a_deletion(world, behind):
    async def story():
        first = world.in_force(SAME)
        await caught_up(world)
        assert world.follower.wanted() == RulesSwitch(first, 3)
        if behind:
            # Deleted before this worker could read it.
            world.act("rolled_back", "f" * 64)
        end = world.brokers.partitions[CHANGES].end
        world.brokers.delete_records(CHANGES, end)
        world.version = end * 1_000_000
        second = world.propose(OTHER)
        await world.follows(lambda: second in world.shelf)
        assert world.follower.wanted() is None
        world.act("approved", second, "bob")
        await world.follows(lambda: world.follower.wanted() == RulesSwitch(second, world.version))

    asyncio.run(story())


def test_a_candidate_is_wanted_beside_the_set_in_force_once_it_is_ready(world):
    async def story():
        first = world.in_force(SAME)
        await caught_up(world)
        candidate = world.propose(OTHER, first)
        world.bad.add(candidate)
        world.act("shadowed", candidate)
        await world.follows(lambda: (candidate, "it crashes") in world.follower.standing().not_ready)
        # Nothing waits for a candidate that is not ready.
        assert world.follower.wanted() == RulesSwitch(first, 3)
        world.bad.clear()
        world.follower._problems.clear()
        await world.follows(lambda: world.follower.wanted() == RulesSwitch(first, 6, candidate))
        assert world.follower.standing().trial == (candidate, 0)
        world.act("approved", candidate, "bob", share=10)
        await world.follows(lambda: world.follower.wanted() == RulesSwitch(first, 7, candidate, 10))
        world.act("ended", candidate)
        await world.follows(lambda: world.follower.wanted() == RulesSwitch(first, 8))

    asyncio.run(story())


def test_a_candidate_that_differs_in_more_than_policies_never_judges_a_share(world):
    """The command refuses it; whoever writes the act without the command is not obeyed either."""

    async def story():
        first = world.in_force(SAME)
        await caught_up(world)
        texts = {file.name: file.text for file in FILES}
        assert "value: 0.333333" in texts["categories.yaml"]
        other = texts["categories.yaml"].replace("value: 0.333333", "value: 0.4")
        candidate = world.propose(rule_set("another prior", first, **{"categories.yaml": other}), first)
        world.act("approved", candidate, "bob", share=50)
        await world.follows(lambda: world.follower.standing().trial == (candidate, 50))
        await world.follows(lambda: candidate in world.shelf)
        assert world.follower.wanted() == RulesSwitch(first, 3)
        ((named, why),) = world.follower.standing().not_ready
        assert (named, "more than its policies" in why) == (candidate, True)

    asyncio.run(story())


def test_a_set_for_later_is_told_to_partitions_at_once_and_shown_when_its_moment_comes(world, monkeypatch):
    async def story():
        since = datetime(2030, 1, 1, tzinfo=UTC)
        moment = int(since.timestamp() * 1000)
        first = world.in_force(SAME)
        await caught_up(world)
        later = world.propose(OTHER, first)
        monkeypatch.setattr(following, "clock_ms", lambda: moment - 1)
        world.act("scheduled", later, "bob", since=since)
        await world.follows(lambda: world.follower.wanted() == RulesSwitch(later, 6, since_ms=moment))
        assert len(world.told) == 1
        monkeypatch.setattr(following, "clock_ms", lambda: moment)
        await world.follows(lambda: len(world.told) == 2)
        assert first in world.shelf

    asyncio.run(story())


def test_a_share_is_halted_when_the_numbers_of_all_partitions_leave_the_band(world):
    world.watch._most_seconds = 0.0

    def count(partition, in_force, candidate):
        row = RuleTrialCount(name, 10, 6, partition, "episodes", "fraud", 1, in_force, candidate)
        record = rule_trial_record(row, 0)
        world.brokers.append(TRIALS, [(record.key, record.value, list(record.headers))])

    async def story():
        nonlocal name
        first = world.in_force(SAME)
        await caught_up(world)
        name = world.propose(OTHER, first)
        world.act("approved", name, "bob", share=10)
        await world.follows(lambda: world.follower.wanted() == RulesSwitch(first, 6, name, 10))
        count(0, 10, 10)
        world.brokers.append(TRIALS, [(b"0", b"{}", [])])
        await world.follows(
            lambda: (
                (found := world.follower.standing().numbers) and found.episodes == {("fraud", 1): (10, 10)}
            )
        )
        assert world.written == []
        # Neither partition alone is enough.
        count(1, 20, 25)
        await world.follows(lambda: world.follower.wanted() == RulesSwitch(first, 7))
        assert len(world.written) == 1
        assert world.follower.standing().halted[0] == name
        assert world.follower.history.halted.reason.startswith("policy fraud, level 1: 35 channels of 10 %")
        assert world.follower.history.proposals.keys() == {name}

    name = ""
    asyncio.run(story())
