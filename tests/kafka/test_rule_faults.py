"""Workers die at each step of a change of rules, partitions are between owners, acts race, logs lose records.

Whatever happens, every report is judged once, by the rules that its partition's log says, and a replay gives
the same bytes.
"""

import signal

import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.command_results import done
from tests.kafka.harness.deployment import RULE_CHANGES, RULE_SETS
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.reports import now_ms, spam_report
from tests.kafka.harness.rule_acts import ALICE, BOB, HAVE_NO_TRIALS, UNSIGNED, RuleActs
from tests.kafka.harness.rulings import check_judged_once, judged_by, rules_of
from tests.kafka.harness.steps import is_stopped, takeover
from tests.kafka.harness.workers import HAVE_A_LONG_SESSION, WORKER, changed_worker

USUAL = changed_worker(HAVE_NO_TRIALS)


@pytest.fixture
def deployment(deploy):
    deployment = deploy(partitions=4, settings=UNSIGNED)
    deployment.fleet.command = USUAL
    return deployment


@pytest.fixture
def acts(deployment):
    return RuleActs(deployment.settings)


@pytest.fixture
def tocsin_rules(deployment):
    """Runs `tocsin rules` in the name of somebody."""

    def run(who, *arguments):
        named = ("--actor", who.actor.ref, "--role", who.actor.role) if who is not None else ()
        return CliRunner().invoke(commands, ["rules", *map(str, arguments), *named], env=deployment.settings)

    return run


def reports(first, count=40):
    return [spam_report(number, f"c-{number % 7}", now_ms()) for number in range(first, first + count)]


def wait_for_rules(deployment, rule_set, tend=True):
    deployment.fleet.wait_for(
        lambda: judged_by(deployment) == {rule_set}, 60, "every partition has changed", tend=tend
    )


# --- an owner is killed

# A worker that is killed at a step of the first change that it reads while it runs.
_STRUCK = """
import os
import signal
from aiokafka import AIOKafkaProducer
from streams.deciding.partition.stage import Stage
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.worker.rule_changes import following
from streams.running.worker.rule_changes.shelf import Shelf

happened = set()

def strike(step):
    if step == {step!r}:
        os.kill(os.getpid(), signal.SIGKILL)

_read, _put, _take = following.read_rule_set, Shelf.put, following.RuleFollower._take
_say, _switch = PartitionOwner.say_rules, Stage._switch_rules
_commit = AIOKafkaProducer.commit_transaction

async def read_rule_set(*arguments):
    found = await _read(*arguments)
    if "follows" in happened:
        strike("fetched")
    return found

def put(self, *arguments):
    _put(self, *arguments)
    if "follows" in happened:
        strike("ready")

async def take(self, fetched):
    before = self.history.in_force
    if fetched:
        happened.add("follows")
    await _take(self, fetched)
    if before != self.history.in_force:
        strike("approval read")

async def say_rules(self, switch):
    said = await _say(self, switch)
    if said is not None and "follows" in happened:
        happened.add("said")
    return said

def switch_rules(self, *arguments):
    _switch(self, *arguments)
    if "follows" in happened:
        happened.add("switched")

async def commit(self):
    steps = [each for each in ("said", "switched") if each in happened]
    happened.difference_update(steps)
    for step in steps:
        strike("before commit of what was " + step)
    await _commit(self)
    for step in steps:
        strike("after commit of what was " + step)

following.read_rule_set, Shelf.put, following.RuleFollower._take = read_rule_set, put, take
PartitionOwner.say_rules, Stage._switch_rules = say_rules, switch_rules
AIOKafkaProducer.commit_transaction = commit
"""

PREPARING = ("fetched", "ready")
# The change is a record of each partition then, or is not, with what the transaction has besides.
MAIN = ("before commit of what was said", "before commit of what was switched")
OTHERS = ("approval read", "after commit of what was said", "after commit of what was switched")


@pytest.mark.parametrize("steps", [MAIN, pytest.param((*PREPARING, *OTHERS), marks=pytest.mark.nightly)])
def test_an_owner_is_killed_at_each_step_of_a_change(deployment, acts, steps):
    """One after the other is killed in the next step, as the heir of the one before."""
    fleet = deployment.fleet
    one = acts.put_into_force()
    two = acts.put_into_force("PT6H", "PT5H")
    now, number = two, 0
    for step in steps:
        struck = fleet.start(changed_worker(HAVE_NO_TRIALS + _STRUCK.format(step=step)))
        fleet.running.remove(struck)
        try:
            fleet.wait_for(lambda struck=struck: "owns partitions [" in struck.text, 60, "its takeover")
            wait_for_rules(deployment, now)
            deployment.publish(reports(number))
            # Not yet applied, so one transaction has both: what is judged by the rules of before, and the change.
            if step in PREPARING:
                acts.propose("PT6H", f"PT{3 + PREPARING.index(step)}H")
            else:
                now = one if now == two else two
                acts.act(BOB, "rolled_back", now)
            fleet.wait_for(lambda struck=struck: is_stopped(struck), 60, f"a worker reaches: {step}")
        finally:
            struck.end()
        evict_everybody(deployment.bootstrap, deployment.group)
        number += 40
        deployment.publish(reports(number))
        number += 40
    fleet.start()
    wait_for_rules(deployment, now)
    deployment.publish(reports(number))
    deployment.wait_until_applied()
    assert judged_by(deployment) == {now}
    check_judged_once(deployment)


# --- partitions between owners, and acts that race


def test_rules_are_approved_while_partitions_are_between_owners_and_while_others_approve(deployment, acts):
    fleet = deployment.fleet
    fleet.command = changed_worker(HAVE_NO_TRIALS + HAVE_A_LONG_SESSION)
    first = acts.put_into_force()
    stays = fleet.start()
    deployment.publish(reports(0))
    wait_for_rules(deployment, first)

    # It has claimed its half, and has read nothing of it.
    between = takeover("after", "ClaimsView", "fence_others").program(
        f"os.kill(os.getpid(), {signal.SIGSTOP:d})"
    )
    comes = fleet.start(changed_worker(HAVE_NO_TRIALS + HAVE_A_LONG_SESSION + between))
    fleet.wait_for(lambda: is_stopped(comes), 60, "a worker is stopped in its takeover")
    fleet.wait_for(lambda: stays.text.count("owns partitions [") == 2, 60, "the other half has an owner")
    second = acts.put_into_force("PT6H", "PT5H")
    deployment.publish(reports(100))
    fleet.wait_for(lambda: judged_by(deployment) == {first, second}, 60, "those with an owner have changed")
    comes.signal(signal.SIGCONT)
    wait_for_rules(deployment, second)
    deployment.publish(reports(200))
    deployment.wait_until_applied()
    assert (stays.exit_code, comes.exit_code, fleet.ended) == (None, None, [])

    # Of two that two people approve, having read the same, the log says which: here one, and there the other.
    for mine, theirs, order in (("PT4H", "PT3H", 1), ("PT2H", "PT1H", -1)):
        approvals = [(BOB, "approved", acts.propose("PT6H", each)) for each in (mine, theirs)][::order]
        won, lost = acts.race(*approvals)
        assert won is None
        assert "another act came first" in lost
        deployment.publish(reports(300 if order == 1 else 400))
        wait_for_rules(deployment, approvals[0][2])
    deployment.publish(reports(500))
    deployment.wait_until_applied()
    check_judged_once(deployment)


# --- a worker of another version

# As a version that reads another format than the one of the sets in the log. No version before had sets, so
# none of them can be run here; one without any knowledge of sets is refused by the group: test_mixed_fleet.py.
OF_ANOTHER_VERSION = """
from streams.contract.wire.rules import rule_set
rule_set.FORMAT = 99
"""


@pytest.mark.nightly
def test_a_worker_that_does_not_know_the_format_leaves_partitions_alone_and_says_so(deployment, acts):
    fleet = deployment.fleet
    other = changed_worker(HAVE_NO_TRIALS + OF_ANOTHER_VERSION)
    knows_not = fleet.start(other)
    fleet.wait_for(lambda: "owns partitions [" in knows_not.text, 60, "its takeover")
    knows = fleet.start()
    fleet.wait_for(lambda: "owns partitions [" in knows.text, 60, "its takeover")
    deployment.publish(reports(0))
    deployment.wait_until_applied()
    rule_set = acts.put_into_force("PT6H", "PT5H")
    why = "has format 1, and this version of Tocsin reads format 99"
    fleet.wait_for(lambda: why in knows_not.text, 60, "it says that it cannot use them")
    # Its own partitions go on by the rules that they have.
    fleet.wait_for(lambda: judged_by(deployment) == {None, rule_set}, 60, "the others have changed")
    deployment.publish(reports(100))
    deployment.wait_until_applied()
    assert judged_by(deployment) == {None, rule_set}

    # What is judged by the set already it does not touch.
    knows.signal(signal.SIGKILL)
    knows.wait(10)
    fleet.running.remove(knows)
    evict_everybody(deployment.bootstrap, deployment.group)
    fleet.wait_for(lambda: "partition set aside: the rules by which" in knows_not.text, 60, "set aside")
    deployment.publish(reports(200))

    # One that starts now does not even join.
    late = fleet.start(other)
    fleet.wait_for(lambda: why in late.text, 60, "it says that it cannot use them")
    assert "owns partitions [" not in late.text
    fleet.running.remove(late)
    late.end()
    fleet.start()
    knows_not.terminate()
    fleet.running.remove(knows_not)
    wait_for_rules(deployment, rule_set)
    deployment.wait_until_applied()
    check_judged_once(deployment)


# --- what is built to hurt


@pytest.mark.nightly
def test_a_set_that_is_built_to_hurt_is_refused_when_proposed_and_again_when_read(
    deployment, acts, tocsin_rules, tmp_path
):
    """Also if somebody writes it without the command, and says that it was checked."""
    fleet = deployment.fleet
    good = acts.put_into_force()
    hurtful = {"deep": "[" * 1_000 + "]" * 1_000, "long": "#" * 10_000_001}
    why = {"deep": "nested more than 32 levels deep", "long": "at most 10,000,000 are read"}
    for name, text in hurtful.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "policies.yaml").write_text(text)
        refused = tocsin_rules(ALICE, "propose", "--from", folder, "--reason", "to hurt")
        assert refused.exit_code == 1
        assert why[name] in refused.output
    assert rules_of(deployment).keys() == {good}
    assert not acts.history().proposals

    # With trials, as in production.
    worker = fleet.start(WORKER)
    wait_for_rules(deployment, good)
    for name, text in hurtful.items():
        rule_set = acts.propose_unchecked("policies.yaml", text)
        fleet.wait_for(lambda name=name: why[name] in worker.text, 60, "it says why it is not ready")
        acts.act(BOB, "approved", rule_set)
        deployment.publish(reports(100 if name == "deep" else 200))
        deployment.wait_until_applied()
        assert judged_by(deployment) == {good}
        acts.act(BOB, "rolled_back", good)
    assert worker.exit_code is None


# --- logs lose records


def test_the_log_of_changes_is_truncated_below_what_is_in_force(deployment, acts, tocsin_rules):
    fleet = deployment.fleet
    first = acts.put_into_force("PT6H", "PT5H")
    stays = fleet.start()
    deployment.publish(reports(0))
    wait_for_rules(deployment, first)
    changes = deployment.name(RULE_CHANGES)
    operator = Operator(deployment.bootstrap)
    end = operator.committed_ends(changes, [0])[0]
    operator.delete_records(changes, 0, end)

    # Who has read it goes on. Who has not does not take the files of the installation for the rules in force.
    joins = fleet.start()
    why = f"acts below offset {end} were deleted"
    fleet.wait_for(lambda: why in joins.text, 60, "it says why it does not join")
    assert f"in force: unknown: {why}" in done(tocsin_rules(None, "list"))
    deployment.publish(reports(100))
    deployment.wait_until_applied()
    assert judged_by(deployment) == {first}
    assert "owns partitions [" not in joins.text

    # Nobody is left who has read it: nothing is judged by other rules.
    stays.terminate()
    fleet.tend()
    deployment.publish(reports(200))
    second = acts.put_into_force("PT6H", "PT4H")
    wait_for_rules(deployment, second)
    deployment.publish(reports(300))
    deployment.wait_until_applied()
    assert f"in force: {second}" in done(tocsin_rules(None, "list"))
    check_judged_once(deployment)


@pytest.mark.nightly
def test_the_record_of_the_set_in_force_is_deleted(deployment, acts, tocsin_rules, tmp_path):
    fleet = deployment.fleet
    rule_set = acts.put_into_force("PT6H", "PT5H")
    stays = fleet.start()
    deployment.publish(reports(0))
    wait_for_rules(deployment, rule_set)
    done(tocsin_rules(None, "show", rule_set, "--to", tmp_path / "kept"))
    sets = deployment.name(RULE_SETS)
    operator = Operator(deployment.bootstrap)
    operator.set(sets, "cleanup.policy", "delete")
    operator.delete_records(sets, 0, operator.committed_ends(sets, [0])[0])
    operator.set(sets, "cleanup.policy", "compact")

    joins = fleet.start()
    fleet.wait_for(lambda: "is not in rule-sets" in joins.text, 60, "it says why it does not join")
    deployment.publish(reports(100))
    deployment.wait_until_applied()
    assert "owns partitions [" not in joins.text
    stays.terminate()
    fleet.tend()
    assert "owns partitions [" not in joins.text

    # Its files are all that is needed: the log says the rest, and its id proves it.
    refused = tocsin_rules(BOB, "propose", "--from-settings", "--reason", "the files")
    assert refused.exit_code == 1
    assert "these are not its files" in refused.output
    said = done(tocsin_rules(BOB, "propose", "--from", tmp_path / "kept", "--reason", "back"))
    assert f"in rule-sets again: {rule_set}" in said
    deployment.publish(reports(200))
    deployment.wait_until_applied()
    assert judged_by(deployment) == {rule_set}
    check_judged_once(deployment)
