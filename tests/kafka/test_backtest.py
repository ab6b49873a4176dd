"""A back-test against the real topic finds exactly the episodes that workers opened."""

import asyncio
import json
from collections import Counter

import orjson

from tests.kafka.harness.deployment import ESCALATIONS, SHADOW, SOURCE
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.reports import Published, generate
from tests.kafka.harness.strange import publish_bomb, publish_with_undecodable_header_name
from tests.kafka.harness.workers import COMMAND, ROOT, clean_environment, run

SHIPPED = ROOT / "streams/registry/policies.yaml"


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


def test_a_back_test_finds_the_episodes_that_workers_wrote(deploy, tmp_path):
    # A back-test finds the levels that counts reach: it has no desk that answers.
    policies = tmp_path / "policies.yaml"
    shipped = SHIPPED.read_text(encoding="utf-8").replace(
        "\nask:\n  mode: live\n", "\nask:\n  mode: shadow\n"
    )
    policies.write_text(shipped, encoding="utf-8")
    deployment = deploy(settings={"TOCSIN_POLICIES_FILE": str(policies)})
    reports = generate(72, 6_000, channels=60)
    deployment.publish(reports[:3_000])
    # Reports of some channels are now in two partitions, and only their times give the order.
    deployment.publish(reports[3_000:], LIBRDKAFKA_DEFAULT)
    worker = deployment.fleet.start()
    deployment.wait_until_applied()
    # A running worker could write a tick during the back-test.
    worker.terminate()
    before = deployment.outputs()
    candidate = tmp_path / "candidate.yaml"
    without = shipped.replace("- id: intimate-images\n    mode: live", "- id: intimate-images\n    mode: off")
    assert without != shipped
    candidate.write_text(without, encoding="utf-8")
    done = run(
        [*COMMAND, "policy", "backtest", str(candidate), "--json"],
        env=clean_environment(deployment.settings),
        seconds=90,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    in_use = {(row["policy"], row["level"]): row["in_use"] for row in found if row["kind"] == "level"}
    assert +Counter(in_use) == episodes_written(deployment)
    assert sum(in_use.values()) > 100
    assert {row["mode"] for row in found if row.get("policy") == "intimate-images"} == {"live -> off"}
    alone = {(row["only"], row["episode"]["policy"]) for row in found if row["kind"] == "episode"}
    assert alone == {("in_use", "intimate-images")}
    after = deployment.outputs()
    assert {topic: after.count(topic) for topic in after.rows} == {
        topic: before.count(topic) for topic in before.rows
    }, "a back-test writes nothing"


def test_a_back_test_skips_records_that_a_worker_skips(deploy):
    deployment = deploy(partitions=1)
    before, after = (generate(seed, 200, duplicates=0, bad=0) for seed in (85, 86))
    deployment.publish(before)
    strange = Published(b"k", b"no report at all")
    asyncio.run(publish_with_undecodable_header_name(deployment.bootstrap, deployment.name(SOURCE), strange))
    publish_bomb(deployment.bootstrap, deployment.name(SOURCE))
    deployment.publish(after)
    done = run(
        [*COMMAND, "policy", "backtest", str(SHIPPED)],
        env=clean_environment(deployment.settings),
        seconds=90,
    )
    assert done.returncode == 0, done.stderr
    assert "\n\n400 reports from" in done.stdout
    assert "2 unreadable records were skipped" in done.stdout
