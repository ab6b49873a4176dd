"""The stage of reporters: forged stamps, and settings that change or differ. Faults are in the proofs of
exactly once.
"""

import time

from streams.contract.events.internal.credit import CreditedOutcome, ReporterCredit
from streams.contract.wire.forms.credit import credit_record
from streams.contract.wire.forms.stamp import STAMP_HEADER
from streams.contract.wire.origin import ORIGIN_HEADER
from streams.deciding.partition.hash_key import DEMONSTRATION
from tests.kafka.harness.deployment import INTERNAL, REPORTERS_INTERNAL, WITH_REPORTERS, Deployment
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import Published, generate, now_ms

OFF = {"TOCSIN_REPORTERS": "off"}
DAY_MS = 86_400_000
KEY = DEMONSTRATION.current


def a_credit():
    """A credit as the channels' stage writes it."""
    reporter, now_s = KEY.reporter_hash("reporter-1"), now_ms() // 1000
    added = CreditedOutcome(now_s * 1000 // DAY_MS, "upheld", "spam", 80)
    target = KEY.target_hash("c", "m-1")
    written = credit_record(ReporterCredit(reporter, target, now_s - 3_600, now_s, "upheld", None, added))
    return Published(written.key, written.value, headers=written.headers)


def test_a_forged_stamp_changes_nothing(deploy):
    deployment = deploy(settings=WITH_REPORTERS, partitions=2)
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
    deployment = deploy(settings=WITH_REPORTERS, partitions=2)
    fleet = deployment.fleet
    fleet.start()
    fleet.settings |= OFF
    odd = fleet.start()
    fleet.settings |= WITH_REPORTERS
    fleet.wait_for(lambda: "owns partitions [" in odd.text, 60, "both own partitions", tend=False)
    deployment.publish(generate(17, 2_000))
    time.sleep(3)
    odd.terminate()
    fleet.tend()
    deployment.wait_until_applied()
    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules(), switched=True)


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
        second = reopened(first, WITH_REPORTERS, tmp_path, made)
        second.fleet.start()
        second.publish(generate(72, 500))
        second.wait_until_applied()
        # A report that was passed on and not yet applied when the workers were stopped.
        stop(second)
        second.publisher(topic=REPORTERS_INTERNAL).publish([a_credit()])
        third = reopened(second, OFF, tmp_path, made)
        worker = third.fleet.start()
        assert worker.wait(60) == 1, worker.tail()
        assert "TOCSIN_REPORTERS=off, but" in worker.text
        assert "Start the workers with TOCSIN_REPORTERS=on" in worker.text
        assert "Traceback" not in worker.text
        fourth = reopened(third, WITH_REPORTERS, tmp_path, made)
        fourth.fleet.start()
        fourth.wait_until_applied()
        fifth = reopened(fourth, OFF, tmp_path, made)
        fifth.fleet.start()
        fifth.publish(generate(73, 500))
        fifth.wait_until_applied()
        reader = fifth.outputs()
        check_outputs(fifth, reader)
        check_replay(fifth, reader, shipped_rules(), switched=True)
    finally:
        for one in made:
            one.end()
