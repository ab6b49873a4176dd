"""A worker with other settings or rules than those that work stays out of the group until it may join."""

import re
import signal

from streams.registry.loader import SHIPPED
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import Worker

OTHER_KEY = bytes(range(32)).hex()


def start(deployment, folder, name, **settings):
    worker = Worker(folder / f"{name}.log", {**deployment.settings, **settings})
    deployment.fleet.running.append(worker)
    return worker


def other_policies(folder):
    """Policies that decide the same, so that the oracle can be the same."""
    text = (SHIPPED / "policies.yaml").read_text()
    path = folder / "policies.yaml"
    changed = re.sub(r"reason: >-\n( +)", r"reason: >-\n\1Still, ", text, count=1)
    assert changed != text
    path.write_text(changed)
    return {"TOCSIN_POLICIES_FILE": str(path)}


def test_who_differs_is_kept_out_and_stops_nobody(deploy, tmp_path):
    deployment = deploy()
    fleet = deployment.fleet
    deployment.publish(generate(71, 500))
    works = fleet.start()
    fleet.wait_for(lambda: "owns partitions [" in works.text, 30, "the first takeover")

    # Another hash key cannot be meant.
    wrong = start(deployment, tmp_path, "wrong", TOCSIN_HASH_KEY=OTHER_KEY)
    fleet.wait_for(lambda: "does not join the others" in wrong.text, 30, "the newcomer is kept out")
    assert "TOCSIN_HASH_KEY (its id): " in wrong.text
    assert OTHER_KEY not in wrong.text
    wrong.signal(signal.SIGTERM)
    assert wrong.wait(15) == 0, wrong.tail()

    # Other rules can: the message says how.
    rules = other_policies(tmp_path)
    waits = start(deployment, tmp_path, "waits", **rules)
    fleet.wait_for(lambda: "does not join the others" in waits.text, 30, "other rules are kept out")
    (replaced,) = set(re.findall(r"set TOCSIN_REPLACES_RULES=([0-9a-f]{16})", waits.text))
    assert works.text.count("owns partitions [") == 1, "no rebalance"
    announced = start(deployment, tmp_path, "announced", **rules, TOCSIN_REPLACES_RULES=replaced)
    fleet.wait_for(lambda: "owns partitions [" in announced.text, 30, "the announced change joins")
    assert "owns partitions [" not in waits.text
    deployment.publish(generate(72, 500))
    deployment.wait_until_applied()

    # Who waited goes on by itself when those are gone from which it differs.
    works.terminate()
    fleet.wait_for(lambda: "owns partitions [" in waits.text, 30, "who waited joins")
    deployment.publish(generate(73, 500))
    deployment.wait_until_applied()
    assert (waits.exit_code, announced.exit_code) == (None, None)
    check_outputs(deployment, deployment.outputs())
