"""How a worker that is killed, or stopped, is missed: by whom, and for how long."""

import re
import signal
import time

from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import LONG_SESSION, WORKER, Worker

OWNS = "owns partitions ["


def start(deployment, name, command=LONG_SESSION):
    settings = {**deployment.settings, "TOCSIN_INSTANCE": name}
    log = deployment.fleet._folder / f"{name}-{time.monotonic_ns()}.log"
    worker = Worker(log, settings, command)
    deployment.fleet.running.append(worker)
    return worker


def two_workers(deployment):
    workers = [start(deployment, name) for name in ("a", "b")]
    deployment.fleet.wait_for(
        lambda: all(len(owned(worker)) == 2 for worker in workers), 60, "two partitions each"
    )
    return workers


def owned(worker):
    """The partitions of reports that a worker owned last."""
    found = re.findall(r"owns partitions \[([^\]]*)\] of reports", worker.text)
    return [int(each) for each in found[-1].split(",") if each.strip()] if found else []


def generation(worker):
    return int(re.findall(r"\bgeneration\W+(\d+)", worker.text)[-1])


def test_a_killed_worker_that_comes_back_under_its_name_goes_on_and_nobody_else_stops(deploy):
    deployment = deploy()
    deployment.publish(generate(81, 500))
    stays, dies = two_workers(deployment)
    takeovers, before = stays.text.count(OWNS), generation(dies)
    deployment.fleet.running.remove(dies)
    killed_at = time.monotonic()
    dies.signal(signal.SIGKILL)
    dies.wait(10)
    heir = start(deployment, "b")
    deployment.fleet.wait_for(lambda: OWNS in heir.text, 40, "it owns its partitions again")
    took = time.monotonic() - killed_at
    deployment.publish(generate(82, 500))
    deployment.wait_until_applied()
    assert owned(heir) == owned(dies)
    assert generation(heir) == before, "no rebalance"
    assert stays.text.count(OWNS) == takeovers, "the other one was not interrupted"
    print(f"measured: owned again {took:.1f} s after the kill, without a rebalance")
    check_outputs(deployment, deployment.outputs())


def test_a_worker_with_a_name_that_is_stopped_is_replaced_at_once(deploy):
    deployment = deploy()
    deployment.publish(generate(83, 500))
    stays, leaves = two_workers(deployment)
    stopped_at = time.monotonic()
    leaves.terminate()
    left = time.monotonic() - stopped_at
    # Before its session of 85 seconds is over.
    deployment.fleet.wait_for(lambda: owned(stays) == [0, 1, 2, 3], 40, "the other one owns all")
    took = time.monotonic() - stopped_at
    print(f"measured: stopped after {left:.1f} s, replaced after {took:.1f} s")
    assert took < 80, "not before its session was over"
    deployment.publish(generate(84, 500))
    deployment.wait_until_applied()
    check_outputs(deployment, deployment.outputs())


def test_a_killed_worker_that_does_not_come_back_is_replaced_after_its_session(deploy):
    deployment = deploy()
    deployment.publish(generate(85, 500))
    stays, dies = (start(deployment, name, WORKER) for name in "ab")
    deployment.fleet.wait_for(lambda: len(owned(stays)) == len(owned(dies)) == 2, 60, "two partitions each")
    deployment.fleet.running.remove(dies)
    killed_at = time.monotonic()
    dies.signal(signal.SIGKILL)
    dies.wait(10)
    deployment.fleet.wait_for(lambda: owned(stays) == [0, 1, 2, 3], 60, "the other one owns all")
    print(f"measured: replaced {time.monotonic() - killed_at:.1f} s after the kill")
    deployment.publish(generate(86, 500))
    deployment.wait_until_applied()
    check_outputs(deployment, deployment.outputs())
