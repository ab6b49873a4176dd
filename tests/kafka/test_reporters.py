"""Reports on their way through the stage of reporters: nothing is lost or applied twice, whoever is killed when."""

import random
import signal
import time

import orjson
import pytest

from streams.events.credit import CreditedOutcome, ReporterCredit
from streams.partition.hash_key import DEMONSTRATION
from streams.wire.credit import credit_record
from streams.wire.origin import ORIGIN_HEADER
from streams.wire.stamp import STAMP_HEADER, read_stamp
from tests.kafka.harness.deployment import (
    ENRICHED,
    INTEGRITY,
    INTERNAL,
    REPORTERS_INTERNAL,
    Deployment,
)
from tests.kafka.harness.kills import send_while_workers_are_killed
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import Published, generate, now_ms

ON = {"TOCSIN_REPORTERS": "on"}
OFF = {"TOCSIN_REPORTERS": "off"}
DAY_MS = 86_400_000
KEY = DEMONSTRATION.current

pytestmark = pytest.mark.timeout(600)


def credits_for(seed, count):
    """Credits as the channels' stage writes them, for the reporters of `generate`."""
    chance = random.Random(seed)
    now_s = now_ms() // 1000
    for number in range(count):
        reporter = KEY.reporter_hash(f"reporter-{chance.randrange(400)}")
        decision = chance.choice(["upheld", "upheld", "dismissed", "manifestly_unfounded"])
        added = CreditedOutcome(now_s * 1000 // DAY_MS, decision, "spam", 80)
        target = KEY.target_hash("c", f"m-{number}")
        written = credit_record(ReporterCredit(reporter, target, now_s - 3_600, now_s, decision, None, added))
        yield Published(written.key, written.value, headers=written.headers)


def test_reports_and_credits_are_applied_once_while_workers_are_killed(deploy):
    deployment = deploy(settings=ON)
    fleet = deployment.fleet
    chance = random.Random(15)
    reports = generate(15, 30_000)
    credited = list(credits_for(15, 2_000))
    publisher, internal = deployment.publisher(), deployment.publisher(topic=REPORTERS_INTERNAL)
    fleet.start()
    fleet.start()
    pieces = 6
    deployment.published += reports
    send_while_workers_are_killed(deployment, chance, pieces, (publisher, reports), (internal, credited))
    deployment.wait_until_applied(180)
    assert fleet.exit_codes.count(-signal.SIGKILL) == pieces - 1

    reader = deployment.outputs()
    totals = check_outputs(deployment, reader)
    compared = check_replay(deployment, reader, shipped_rules())
    assert compared[ENRICHED] == totals.enriched
    stamps = [
        read_stamp(row.headers)
        for row in reader.all(deployment.name(INTERNAL))
        if STAMP_HEADER in dict(row.headers)
    ]
    assert len(stamps) == compared[INTERNAL] > 20_000
    # Limits and outcomes are in the mix, and the weights in what was published follow from them.
    assert {stamp.over_limit for stamp in stamps} == {False, True}
    assert sum(stamp.factor > 1 for stamp in stamps) > 100
    assert sum(0 < stamp.factor < 1 for stamp in stamps) > 100
    weights = {
        orjson.loads(row.value)["risk"]["components"]["reporter_weight"]
        for row in reader.all(deployment.name(ENRICHED))
    }
    assert 0 in weights
    assert len(weights) > 20
    print(f"measured: {totals} {compared} {reader.count(deployment.name(INTEGRITY))} cases")


def test_a_forged_stamp_changes_nothing(deploy):
    deployment = deploy(settings=ON, partitions=2)
    deployment.fleet.start()
    forged = [
        Published(
            record.key,
            record.value,
            record.facts,
            headers=[(STAMP_HEADER, b"\x01forged"), (ORIGIN_HEADER, b"message-reports/0/999999/1")],
        )
        for record in generate(16, 300, duplicates=0, bad=0)
    ]
    deployment.publish(forged)
    deployment.wait_until_applied()
    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())
    for row in reader.all(deployment.name(INTERNAL)):
        stamps = [value for name, value in row.headers if name == STAMP_HEADER]
        assert b"\x01forged" not in stamps
        assert len(stamps) <= 1


def test_a_worker_with_the_other_setting_loses_nothing(deploy):
    deployment = deploy(settings=ON, partitions=2)
    fleet = deployment.fleet
    fleet.start()
    fleet.settings |= OFF
    odd = fleet.start()
    fleet.settings |= ON
    fleet.wait_for(lambda: "owns partitions [" in odd.text, 60, "both own partitions", tend=False)
    deployment.publish(generate(17, 2_000))
    time.sleep(3)
    odd.terminate()
    fleet.tend()
    deployment.wait_until_applied()
    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())


def stop(deployment):
    for worker in deployment.fleet.running:
        # The one that refused to start has ended by itself.
        if worker.exit_code is None:
            worker.terminate()


def reopened(deployment, settings, tmp_path, made):
    """The same topics with other settings."""
    stop(deployment)
    folder = tmp_path / f"again-{len(made)}"
    folder.mkdir()
    new = Deployment(deployment.bootstrap, deployment.prefix, folder, partitions=2, settings=settings)
    new.published = list(deployment.published)
    made.append(new)
    return new


def test_the_stage_is_switched_on_and_off_and_never_leaves_a_report_behind(deploy, tmp_path):
    made = []
    try:
        first = deploy(settings=OFF, partitions=2)
        first.fleet.start()
        first.publish(generate(71, 500))
        first.wait_until_applied()
        second = reopened(first, ON, tmp_path, made)
        second.fleet.start()
        second.publish(generate(72, 500))
        second.wait_until_applied()
        # A report that was passed on and not yet applied when the workers were stopped.
        stop(second)
        (waiting,) = credits_for(1, 1)
        second.publisher(topic=REPORTERS_INTERNAL).publish([waiting])
        third = reopened(second, OFF, tmp_path, made)
        worker = third.fleet.start()
        assert worker.wait(60) == 1, worker.tail()
        assert "TOCSIN_REPORTERS=off, but" in worker.text
        assert "Start the workers with TOCSIN_REPORTERS=on" in worker.text
        assert "Traceback" not in worker.text
        fourth = reopened(third, ON, tmp_path, made)
        fourth.fleet.start()
        fourth.wait_until_applied()
        fifth = reopened(fourth, OFF, tmp_path, made)
        fifth.fleet.start()
        fifth.publish(generate(73, 500))
        fifth.wait_until_applied()
        reader = fifth.outputs()
        check_outputs(fifth, reader)
        check_replay(fifth, reader, shipped_rules())
    finally:
        for one in made:
            one.end()
