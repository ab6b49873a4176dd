"""Rules change while workers run: proposed by one person, approved by another, in force in every partition."""

import re
import signal

import msgspec
import orjson
import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.contract.events.rules.rule_set import RuleSet
from streams.deciding.partition.rules_in_force import RULES_IN_FORCE, ruling_of
from streams.deciding.reports.rules import compile_report_rules
from streams.registry.changes.bundle import load_rule_set
from streams.running.log.position import POSITION_KEY
from tests.kafka.harness.command_results import done, refused
from tests.kafka.harness.deployment import ENRICHED, RULE_SETS, STAGES
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate, now_ms, spam_report
from tests.kafka.harness.rule_owners import list_keys, rules_folder

BOTH = ["propose", "approve"]


@pytest.fixture
def people(tmp_path):
    return list_keys(tmp_path, alice=("policy_owner", ["propose"]), bob=("lead", BOTH), carol=("legal", BOTH))


@pytest.fixture
def deployment(deploy, people):
    return deploy(partitions=4, settings={"TOCSIN_RULE_KEYS_FILE": str(people[0])})


@pytest.fixture
def says(deployment, people):
    """Runs `tocsin rules` in the name of a person."""

    def run(name, *arguments):
        environment = {**deployment.settings, **people[1][name].environment}
        return CliRunner().invoke(commands, ["rules", *map(str, arguments)], env=environment)

    return run


def proposed(result):
    return re.search(r"proposed and checked: ([0-9a-f]{64})", done(result))[1]


def judged_by(deployment):
    """The set of rules of every partition of every stage that has a state."""
    reader = deployment.outputs()
    return {
        ruling_of(kept.get(RULES_IN_FORCE)).rule_set
        for state, _, _ in STAGES
        for partition in range(deployment.partitions)
        if POSITION_KEY in (kept := reader.latest(deployment.name(state), partition))
    }


def policy_versions(deployment, first):
    """The versions in enriched reports of the reports from a number on."""
    return {
        document["policy_version"]
        for row in deployment.outputs().all(deployment.name(ENRICHED))
        if (found := re.fullmatch(r"s-(\d+)", (document := orjson.loads(row.value))["report"]["report_id"]))
        and int(found[1]) >= first
    }


def reports(first, count):
    return [spam_report(number, f"c-{number % 7}", now_ms()) for number in range(first, first + count)]


def rules_of(deployment):
    """The rules of every set in the log, by its id."""
    return {
        row.key.decode(): load_rule_set(msgspec.json.decode(row.value, type=RuleSet))
        for row in deployment.outputs().all(deployment.name(RULE_SETS))
    }


def test_a_change_from_the_idea_to_the_last_partition(deployment, says, tmp_path):
    fleet = deployment.fleet
    workers = [fleet.start(), fleet.start()]
    deployment.publish([*generate(81, 300), *reports(0, 40)])
    deployment.wait_until_applied()
    assert judged_by(deployment) == {None}

    # One proposes, and cannot approve; another one approves. Nobody publishes anything meanwhile.
    first = proposed(
        says(
            "alice", "propose", "--from", rules_folder(tmp_path / "a", "PT6H", "PT5H"), "--reason", "shorter"
        )
    )
    refused(says("alice", "approve", first, "--reason", "mine", "--yes"), "cannot approve")
    for worker in workers:
        fleet.wait_for(
            lambda worker=worker: f"rules={first}" in worker.text, 60, "ready before it is approved"
        )
    assert judged_by(deployment) == {None}
    assert "in force from now on" in done(says("bob", "approve", first[:16], "--reason", "read it", "--yes"))
    fleet.wait_for(lambda: judged_by(deployment) == {first}, 30, "every partition has changed", tend=False)
    deployment.publish(reports(100, 40))
    deployment.wait_until_applied()
    known = rules_of(deployment)
    assert policy_versions(deployment, 100) == {known[first].policy_version}
    assert known[first].policy_version not in policy_versions(deployment, 0) - policy_versions(
        deployment, 100
    )

    # Two proposals race: the second one was compared with what is in force no more.
    second = proposed(
        says(
            "alice", "propose", "--from", rules_folder(tmp_path / "b", "PT6H", "PT4H"), "--reason", "shorter"
        )
    )
    third = proposed(
        says(
            "carol", "propose", "--from", rules_folder(tmp_path / "c", "PT6H", "PT3H"), "--reason", "shorter"
        )
    )
    done(says("bob", "approve", second, "--reason", "read it", "--yes"))
    # An owner dies around the change, whatever it has written.
    victim, last = fleet.running
    victim.signal(signal.SIGKILL)
    victim.wait(10)
    fleet.running.remove(victim)
    deployment.publish(reports(200, 40))
    refused(says("bob", "approve", third, "--reason", "read it", "--yes"), "was made to replace")
    deployment.wait_until_applied()
    fleet.wait_for(lambda: judged_by(deployment) == {second}, 60, "every partition has changed")
    done(says("carol", "reject", third, "--reason", "too late", "--yes"))

    # No partition has an owner while it is rolled back.
    last.terminate()
    assert "in force again" in done(says("carol", "rollback", "--reason", "too many cases", "--yes"))
    assert judged_by(deployment) == {second}
    fleet.tend()
    fleet.start()
    deployment.publish(reports(300, 40))
    fleet.wait_for(lambda: judged_by(deployment) == {first}, 90, "every partition is rolled back")
    deployment.publish(reports(400, 40))
    deployment.wait_until_applied()
    assert policy_versions(deployment, 400) == {known[first].policy_version}
    shown = done(says("alice", "list"))
    assert shown.count("approved") == 2
    assert f"in force: {first}" in shown

    reader = deployment.outputs()
    sets = {name: compile_report_rules(rules) for name, rules in rules_of(deployment).items()}
    check_replay(deployment, reader, shipped_rules(), sets=sets)
