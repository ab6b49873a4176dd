"""One worker processes a backlog; then the Faust baseline processes the start of the same backlog."""

import os
import subprocess
import sys
import time

from confluent_kafka.admin import AdminClient, NewTopic

from tests.bench import traffic
from tests.bench.faust_baseline import OUTPUT
from tests.bench.outputs import Outputs, steady_rate
from tests.bench.place import PARTITIONS, SOURCE, Place, Site, written_bytes
from tests.bench.scenarios.backlog import HOUR_MS, an_hour_ago, work_off
from tests.kafka.harness.workers import ROOT, clean_environment

REPORTS = 600_000

# The baseline takes about ten seconds for these.
BASELINE_REPORTS = 8_000


def measure(place: Place) -> dict[str, float]:
    """Reports per second of both, their ratio, the CPU time per report, and what the worker wrote per report."""
    count = place.amount(REPORTS)
    with Site(place) as site:
        worked = work_off(site, traffic.usual(count, an_hour_ago(), HOUR_MS), "u1", count)
        written = written_bytes(site) / count
        baseline = _baseline(site, place, max(2_000, place.amount(BASELINE_REPORTS)))
    return {
        "one worker: reports/s": worked.rate,
        "Faust baseline: reports/s": baseline,
        "one worker: ratio to the baseline": worked.rate / baseline,
        "one worker: CPU per report": worked.cpu,
        "one worker: written to Kafka per report": written,
    }


def _baseline(site: Site, place: Place, count: int) -> float:
    topic = site.name(OUTPUT)
    admin = AdminClient({"bootstrap.servers": site.bootstrap})
    config = {"message.timestamp.type": "LogAppendTime"}
    for created in admin.create_topics([NewTopic(topic, PARTITIONS, 1, config=config)]).values():
        created.result(20)
    environment = clean_environment(
        {
            "BENCH_BOOTSTRAP": site.bootstrap,
            "BENCH_PREFIX": site.prefix,
            "BENCH_SOURCE": site.name(SOURCE),
            "BENCH_OUTPUT": topic,
        }
    )
    log = place.folder / f"{site.prefix}faust.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.bench.faust_baseline",
                "worker",
                "--loglevel=warn",
                "--without-web",
            ],
            cwd=ROOT,
            env=environment
            | {"F_DATADIR": str(place.folder / "faust"), "NO_COLOR": os.environ.get("NO_COLOR", "1")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        outputs = Outputs(site.bootstrap, topic)
        deadline = time.monotonic() + 120
        while outputs.size() < count:
            assert process.poll() is None, f"the baseline ended:\n{log.read_text(errors='replace')[-2000:]}"
            assert time.monotonic() < deadline, (
                f"the baseline is stuck:\n{log.read_text(errors='replace')[-2000:]}"
            )
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
    return steady_rate(outputs.append_times())
