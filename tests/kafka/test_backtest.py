"""A back-test of the real topics finds exactly what workers did, and a live change is not approved without one."""

import json
import re
from collections import Counter

import orjson

import pytest

from streams.contract.wire.topics import RULE_CHANGES
from tests.kafka.harness.deployment import ESCALATIONS, MODERATION, SHADOW
from tests.kafka.harness.mix import Mix
from tests.kafka.harness.moderation import outcome_document
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.reports import Published, generate
from tests.kafka.harness.rule_owners import list_keys, rules_folder
from tests.kafka.harness.workers import COMMAND, clean_environment, run


def episodes_written(deployment):
    """Count the episodes that reached each level in the workers' outputs: (policy, level) -> number."""
    reader = deployment.outputs()
    highest = {}
    for topic in (ESCALATIONS, SHADOW):
        for row in reader.all(deployment.name(topic)):
            event = orjson.loads(row.value)
            if event["clock"] is None:
                highest[event["escalation_id"]] = event["policy"], event["level"]
    return Counter((policy, level) for policy, most in highest.values() for level in range(1, most + 1))


def opened_by(deployment, policy):
    """The channels in which a policy opened an episode."""
    events = [orjson.loads(row.value) for row in deployment.outputs().all(deployment.name(ESCALATIONS))]
    return sorted({event["channel_ref"] for event in events if event["policy"] == policy})


def decided(channel, decision):
    subject = {"kind": "message", "channel_ref": channel, "message_ref": "m"}
    document = outcome_document(f"o-{channel}", decision, subject, category="ncii")
    return Published(f"k-{channel}".encode(), orjson.dumps(document))


@pytest.mark.nightly
def test_a_back_test_finds_what_workers_did_and_a_live_change_needs_one(deploy, tmp_path):
    keys, people = list_keys(tmp_path, alice=("policy_owner", ["propose"]), bob=("lead", ["approve"]))
    deployment = deploy(partitions=3, settings={"TOCSIN_RULE_KEYS_FILE": str(keys)})

    def says(name, *arguments, code=0):
        environment = clean_environment({**deployment.settings, **people[name].environment})
        done = run([*COMMAND, *map(str, arguments)], env=environment, seconds=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr * (code != 0)

    # Reports of some channels are in two partitions; clocks run, and desks decide about what has opened.
    reports = generate(72, 1_600, channels=60)
    mix = Mix(deployment, 72, requests=20, times=2, soon_ms=2_000)
    worker = deployment.fleet.start()
    deployment.publish(reports[:800])
    mix.go_on()
    deployment.publish(reports[800:], LIBRDKAFKA_DEFAULT)
    mix.go_on()
    mix.settle()
    channels = opened_by(deployment, "intimate-images")
    assert len(channels) > 5
    judged = dict(zip(channels, ["upheld"] * 3 + ["dismissed"] * 2, strict=False))
    deployment.publisher(topic=MODERATION).publish([decided(*each) for each in judged.items()])
    deployment.wait_until_applied()
    # A running worker could write a tick during the back-test.
    worker.terminate()
    before = deployment.outputs()

    folder = rules_folder(
        tmp_path / "next", "- id: intimate-images\n    mode: live", "- id: intimate-images\n    mode: off"
    )
    found = re.search(
        r"[0-9a-f]{64}", says("alice", "rules", "propose", "--from", folder, "--reason", "less")
    )
    rule_set = found[0]
    approval = ("rules", "approve", rule_set, "--reason", "read it", "--yes")
    assert "was not back-tested" in says("bob", *approval, code=1)

    alone, shared = (
        says("alice", "rules", "backtest", rule_set, "--processes", number, "--jsonl") for number in (1, 3)
    )
    assert alone == shared
    rows = [json.loads(line) for line in alone.splitlines()]
    in_use = {(row["policy"], row["level"]): row["in_use"] for row in rows if row["kind"] == "level"}
    assert +Counter(in_use) == episodes_written(deployment)
    assert sum(in_use.values()) > 100
    gone = [row for row in rows if row["kind"] == "episode"]
    assert {(row["only"], row["episode"]["policy"]) for row in gone} == {("in_use", "intimate-images")}
    assert {row["why_not"] for row in gone} == {"the policy is off"}
    live_cases = sum(row["in_use"] for row in rows if row["kind"] == "cases")
    [decisions] = [row for row in rows if row["kind"] == "decisions"]
    assert (decisions["upheld"], decisions["dismissed"]) == (3, 2)
    assert decisions["undecided"] == len(gone) - 5
    by_file = says("alice", "policy", "backtest", folder / "policies.yaml", "--json")
    assert by_file == alone
    after = deployment.outputs()
    written = {topic: after.count(topic) - before.count(topic) for topic in after.rows}
    assert {topic for topic, more in written.items() if more} <= {
        deployment.name(RULE_CHANGES),
        deployment.name("rule-sets"),
    }

    noted = says("alice", "rules", "backtest", rule_set, "--since", "P14D", "--reason", "before approval")
    assert f"{rule_set[:16]}: checked" in noted
    approved = says("bob", *approval)
    assert f"back-test: {live_cases:,} -> " in approved
    assert "in force from now on" in approved
    assert "back-test: " in says("bob", "rules", "list")
