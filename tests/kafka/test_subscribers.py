"""The program in docs/subscribing.md works as shown."""

import re
import signal
import subprocess
import sys
import time

from tests.kafka.harness.deployment import ESCALATIONS
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import ROOT, patience


def program(page, name):
    text = (ROOT / page).read_text(encoding="utf-8")
    (shown,) = re.findall(rf"^```python {re.escape(name)}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return shown


def test_a_subscriber_sees_each_escalation_once_even_after_a_restart(deploy, tmp_path):
    deployment = deploy()
    deployment.fleet.start()
    reports = list(generate(71, 600, channels=20))

    def escalated_by(part):
        deployment.publish(part)
        deployment.wait_until_applied()
        rows = deployment.outputs().all(deployment.name(ESCALATIONS))
        return sorted(dict(row.headers)["ce_id"].decode() for row in rows)

    before = escalated_by(reports[:400])
    assert before
    (tmp_path / "subscribe.py").write_text(program("docs/subscribing.md", "subscribe.py"), encoding="utf-8")
    log = tmp_path / "seen"

    def seen():
        """The ids it has read, in order, without a last line that is still incomplete."""
        return [line.split()[0] for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def run(until):
        """Run the program until it has seen `until` ids in total, and end it with Ctrl-C."""
        with log.open("ab") as output:
            subscriber = subprocess.Popen(
                [
                    sys.executable, "-u", "subscribe.py",
                    deployment.bootstrap, deployment.name(ESCALATIONS), deployment.name("case-system"),
                ],
                cwd=tmp_path, stdout=output, stderr=subprocess.PIPE,
            )  # fmt: skip
        try:
            deadline = time.monotonic() + 40 * patience()
            # The record it was processing when it ended may come twice; subscribers recognise it by its id.
            while len(set(seen())) < until:
                assert subscriber.poll() is None, subscriber.stderr.read().decode()
                assert time.monotonic() < deadline, f"{len(set(seen()))} of {until} escalations seen in time"
                time.sleep(0.05)
            subscriber.send_signal(signal.SIGINT)
            _, errors = subscriber.communicate(timeout=20 * patience())
            assert subscriber.returncode == 0, errors.decode()
        finally:
            subscriber.kill()

    run(len(before) // 2)
    # Published only now: the first run may have read to the end, and the second needs something to wait for.
    wanted = escalated_by(reports[400:])
    assert len(wanted) > len(before)
    run(len(wanted))
    assert sorted(set(seen())) == wanted
    assert len(seen()) <= len(wanted) + 1
