"""Rules change while workers run: proposed by one person, approved by another, in force in every partition."""

import re
import signal
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import orjson
import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.deciding.partition.rules_in_force import Ruling
from streams.registry.changes.bundle import rule_files
from tests.kafka.harness.command_results import done, refused
from tests.kafka.harness.deployment import ENRICHED, ESCALATIONS, RULE_SETS, SHADOW, STAGES
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate, now_ms, spam_report
from tests.kafka.harness.rule_acts import HAVE_NO_TRIALS, UNSIGNED, RuleActs
from tests.kafka.harness.rule_owners import list_keys, rules_folder
from tests.kafka.harness.rulings import compiled_rules_of, judged_by, rules_of, rulings
from tests.kafka.harness.workers import COMMAND, Worker, changed_worker
from tests.unit.console_pages import hidden_fields, text_of

BOTH = ["propose", "approve"]
BACK_TEST = ("backtest", "--processes", "1", "--reason", "fewer cases end early")


@pytest.fixture
def people(tmp_path):
    return list_keys(
        tmp_path,
        vouching="console",
        alice=("policy_owner", ["propose"]),
        bob=("lead", BOTH),
        carol=("legal", BOTH),
        console=("operator", ["approve"]),
    )


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


@contextmanager
def console(deployment, owner, folder):
    """A browser at a console that vouches for dora, a lead."""
    own = {"TOCSIN_CONSOLE_PORT": "0", "TOCSIN_CONSOLE_METRICS_PORT": "0", "TOCSIN_ACTOR": "dora-7f3a"}
    own["TOCSIN_CONSOLE_DATABASE"] = str(folder / "console.sqlite")
    process = Worker(
        folder / "console.log", deployment.settings | owner.environment | own, (*COMMAND, "console")
    )
    try:
        deployment.fleet.wait_for(lambda: "console at" in process.text, 60, "the console serves", tend=False)
        (address,) = re.findall(r"^console at (\S+)$", process.text, re.MULTILINE)
        with httpx.Client(base_url=address, timeout=60) as browser:
            yield browser
    finally:
        process.end()


def proposed(result):
    return re.search(r"proposed and checked: ([0-9a-f]{64})", done(result))[1]


def back_tested(result):
    assert "checked, version" in done(result)


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


@pytest.mark.nightly
def test_a_change_from_the_idea_to_the_last_partition(deployment, people, says, tmp_path):
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
    refused(says("bob", "approve", first, "--reason", "read it", "--yes"), "was not back-tested")
    back_tested(says("alice", *BACK_TEST, first))
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
    back_tested(says("alice", *BACK_TEST, second))
    # Dora has no key: she is signed in to a console, which has tried the set and says what it changes.
    with console(deployment, people[1]["console"], tmp_path) as dora:
        path = f"/rules/{second}"
        fleet.wait_for(lambda: "PT5H -&gt; PT4H" in dora.get(path).text, 60, "tried", tend=False)
        form = hidden_fields(dora.get(path).text, f"{path}/acts")
        sent = dora.post(f"{path}/acts", data=form | {"kind": "approved", "reason": "read it"})
        assert sent.status_code == 303, sent.text
        shown = text_of(dora.get("/rules").text)
        assert f"{second[:16]} since" in shown
        assert "approved by dora-7f3a (lead): read it" in shown
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
    check_replay(deployment, reader, shipped_rules(), sets=compiled_rules_of(deployment))


def floods(first, channels=100):
    """Three people report each of so many channels."""
    return [
        spam_report(first + number, f"flood-{number % channels}", now_ms()) for number in range(3 * channels)
    ]


def versions_on(deployment, topic):
    """The policy versions of escalations on a topic."""
    rows = deployment.outputs().all(deployment.name(topic))
    return {orjson.loads(row.value)["policy_version"] for row in rows}


@pytest.mark.nightly
def test_a_candidate_in_shadow_for_a_share_halted_and_in_force_from_a_time_on(deployment, says, tmp_path):
    fleet = deployment.fleet
    workers = [fleet.start(), fleet.start()]
    first = proposed(says("alice", "propose", "--from-settings", "--reason", "the files until now"))
    done(says("bob", "approve", first, "--reason", "the same", "--yes"))
    deployment.publish(reports(0, 40))
    deployment.wait_until_applied()

    # Whoever proposes may watch, alone. A threshold that is far too low.
    folder = rules_folder(
        tmp_path / "a",
        "{level: 1, name: internal_review, when: {distinct_reporters: 10, risk: 0.15}}",
        "{level: 1, name: internal_review, when: {distinct_reporters: 3, risk: 0.01}}",
    )
    name = proposed(says("alice", "propose", "--from", folder, "--reason", "earlier"))
    assert "in shadow" in done(says("alice", "shadow", name, "--reason", "a week beside", "--yes"))
    fleet.wait_for(lambda: rulings(deployment) == {Ruling(first, name)}, 60, "in shadow", tend=False)
    known = rules_of(deployment)
    deployment.publish(floods(1_000))
    # An owner dies while both judge.
    victim, _ = workers
    victim.signal(signal.SIGKILL)
    victim.wait(10)
    fleet.running.remove(victim)
    deployment.wait_until_applied()
    assert known[name].policy_version in versions_on(deployment, SHADOW)
    assert known[name].policy_version not in versions_on(deployment, ESCALATIONS)
    shown = done(says("alice", "list"))
    assert f"on trial: {name[:16]}, in shadow" in shown
    assert re.search(r"spam-flood +1 +0 +100\n", shown)

    # Another person lets it judge a share. It escalates too much, and nobody has to notice.
    law = tmp_path / "law-too"
    law.mkdir()
    (law / "policies.yaml").write_bytes((folder / "policies.yaml").read_bytes())
    scoring = next(file.text for file in rule_files() if file.name == "scoring.yaml")
    (law / "scoring.yaml").write_text(scoring + "# another text\n")
    more = proposed(says("carol", "propose", "--from", law, "--reason", "more than policies"))
    refused(says("bob", "approve", more, "--share", "10", "--reason", "no", "--yes"), "scoring.yaml differs")
    refused(says("alice", "approve", name, "--share", "50", "--reason", "mine", "--yes"), "cannot approve")
    back_tested(says("alice", *BACK_TEST, name))
    done(says("bob", "approve", name, "--share", "50", "--reason", "half of the channels", "--yes"))
    fleet.wait_for(lambda: rulings(deployment) == {Ruling(first, name, 50)}, 60, "a share", tend=False)
    deployment.publish(floods(2_000, 120))
    fleet.wait_for(lambda: "halted: " in done(says("alice", "list")), 90, "it is halted", tend=False)
    assert re.search(
        r"halted: .*policy spam-flood, level 1: \d+ channels of 50 %", done(says("alice", "list"))
    )
    fleet.wait_for(lambda: rulings(deployment) == {Ruling(first)}, 60, "the rules in force judge", tend=False)
    assert known[name].policy_version in versions_on(deployment, ESCALATIONS)

    # It is what was wanted after all, and comes into force by the clock of the reports.
    soon = datetime.now(UTC) + timedelta(seconds=8)
    done(says("bob", "approve", name, "--at", soon.isoformat(), "--reason", "as agreed", "--yes"))
    assert judged_by(deployment) == {first}
    fleet.wait_for(lambda: judged_by(deployment) == {name}, 90, "in force by the clock", tend=False)
    deployment.publish(reports(5_000, 40))
    deployment.wait_until_applied()
    assert policy_versions(deployment, 5_000) == {known[name].policy_version}

    check_replay(deployment, deployment.outputs(), shipped_rules(), sets=compiled_rules_of(deployment))


@pytest.mark.nightly
def test_a_pipeline_proposes_and_approves_in_one_command_where_four_eyes_are_off(deploy, people, tmp_path):
    deployment = deploy(partitions=1, settings=UNSIGNED)
    fleet, acts = deployment.fleet, RuleActs(deployment.settings)
    first = acts.put_into_force()
    fleet.start(changed_worker(HAVE_NO_TRIALS))
    deployment.publish(reports(0, 20))
    fleet.wait_for(lambda: judged_by(deployment) == {first}, 60, "the set in force judges")

    folder = rules_folder(tmp_path / "next", "- id: hate\n    mode: shadow", "- id: hate\n    mode: off")
    words = ["rules", "propose", "--from", str(folder), "--reason", "reviewed"]
    words += ["--approve-as", "bob-7f3a", "lead"]
    signed = {"TOCSIN_RULE_APPROVALS": None, "TOCSIN_RULE_KEYS_FILE": str(people[0])}
    signed |= people[1]["bob"].environment
    answer = CliRunner().invoke(commands, words, env=deployment.settings | signed)
    assert answer.exit_code == 2
    assert "an approval takes another person with a key of their own" in answer.output
    assert rules_of(deployment).keys() == {first}
    assert len(acts.history().acts) == 3

    words += ["--actor", "alice-7f3a", "--role", "policy_owner"]
    second = proposed(CliRunner().invoke(commands, words, env=deployment.settings))
    fleet.wait_for(lambda: judged_by(deployment) == {second}, 30, "every partition has changed", tend=False)
    deployment.publish(reports(100, 20))
    deployment.wait_until_applied()
    known = rules_of(deployment)
    assert policy_versions(deployment, 100) == {known[second].policy_version}
    assert known[first].policy_version != known[second].policy_version
