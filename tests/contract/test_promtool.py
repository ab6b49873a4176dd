"""promtool accepts the metrics that a worker serves."""

import shutil
import subprocess

import pytest

from streams.running.cycle.lag import SourceLag
from streams.running.operations.worker_operations import WorkerOperations
from tests.unit.test_metrics import EXTERNAL, INTERNAL, START, Worker, at_home, report
from tests.unit.traffic import PYTHON

PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed: it comes with Debian's package `prometheus`"
)
def test_promtool_accepts_the_metrics_of_a_worker():
    worker = Worker()
    worker.operations = WorkerOperations(
        worker.rules.registry,
        {"reports": (EXTERNAL, INTERNAL)},
        lambda: [SourceLag(EXTERNAL, 0, 7, 5, 5, START)],
        PYTHON,
    )
    worker.observer.__init__(worker.operations)
    worker.take_over(0)
    worker.apply(0, [report(number, START, channel=at_home(0)) for number in range(3)])
    text = worker.operations._exposition.text()
    assert b"tocsin_lag_seconds{" in text
    checked = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, timeout=30)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed: it comes with Debian's package `prometheus`"
)
def test_promtool_rejects_a_badly_named_metric():
    checked = subprocess.run(
        [PROMTOOL, "check", "metrics"],
        input=b"# TYPE x_ms counter\nx_ms 1\n",
        capture_output=True,
        timeout=30,
    )
    assert checked.returncode != 0
