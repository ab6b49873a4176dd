"""What operators read of a worker, compared with what is in the topics."""

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.report_stage import SOURCES as REPORT_SOURCES
from streams.request_stage import SOURCES as REQUEST_SOURCES
from tests.kafka.harness.deployment import ESCALATIONS, INTERNAL, SHADOW
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import ROOT, clean_environment


def get(worker, path):
    """Status and text; None while the worker does not say where it listens."""
    found = re.search(r"address=(http://\S+)", worker.text)
    if found is None:
        return None
    try:
        with urllib.request.urlopen(found[1] + path, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def scrape(worker):
    """Values by metric and by sorted label pairs."""
    _, text = get(worker, "/metrics")
    values = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values[sample.name][tuple(sorted(sample.labels.items()))] = sample.value
    return values


def by(values, *labels):
    """The non-zero values by the values of these labels."""
    return {tuple(dict(pairs)[label] for label in labels): value for pairs, value in values.items() if value}


def total(values):
    return sum(values.values())


def became_ready(fleet, worker):
    """Wait until it is ready; gives what /readyz said until then."""
    said = []

    def ready():
        answer = get(worker, "/readyz")
        if answer is not None and (not said or said[-1] != answer):
            said.append(answer)
        return answer is not None and answer[0] == 200

    fleet.wait_for(ready, 30, "ready", tend=False)
    return said


def test_the_totals_are_those_of_the_topics(deploy):
    deployment = deploy()
    reports = generate(21, 20_000, duplicates=0.02, bad=0.02)
    deployment.publish(reports[:10_000])
    # Three in four of these lie in another partition than their home.
    deployment.publish(reports[10_000:], LIBRDKAFKA_DEFAULT)
    worker = deployment.fleet.start()

    said = became_ready(deployment.fleet, worker)
    assert said[0][0] == 503
    assert "waiting for the group's first assignment" in said[0][1]
    assert said[-1] == (200, "ready\n")

    deployment.wait_until_applied()
    reader = deployment.outputs()
    totals = check_outputs(deployment, reader)
    # Ticks have no key. On a slow machine some come in the pauses, and more may come while this test goes on.
    rekeyed = sum(row.key is not None for row in reader.all(deployment.name(INTERNAL)))
    assert rekeyed > 5_000
    # The broker shows a commit before the worker has counted it.
    deployment.fleet.wait_for(
        lambda: total(scrape(worker)["tocsin_reports_applied_total"]) >= totals.enriched,
        10,
        "counted",
        tend=False,
    )
    found = scrape(worker)
    records = len(reports) + rekeyed + total(found["tocsin_ticks_read_total"])
    assert by(found["tocsin_records_total"], "topic") == {
        ("message-reports",): len(reports),
        ("message-reports-internal",): records - len(reports),
    }
    assert total(found["tocsin_reports_applied_total"]) == totals.enriched
    assert total(found["tocsin_reports_duplicate_total"]) == totals.duplicates > 0
    assert total(found["tocsin_reports_rekeyed_total"]) == rekeyed
    assert total(found["tocsin_reports_late_total"]) == 0
    reasons = Counter((record.reason,) for record in reports if record.facts is None)
    assert by(found["tocsin_dead_letters_total"], "reason") == reasons

    events = [
        orjson.loads(row.value)
        for topic in (ESCALATIONS, SHADOW)
        for row in reader.all(deployment.name(topic))
    ]
    clocks = [event for event in events if event["clock"] is not None]
    events = [event for event in events if event["clock"] is None]
    happened = Counter(
        (event["clock"]["obligation"], event["reason"].removeprefix("clock_")) for event in clocks
    )
    assert by(found["tocsin_clock_transitions_total"], "obligation", "event") == happened
    now = {event["escalation_id"]: event["clock"]["status"] for event in clocks}
    assert by(found["tocsin_clocks"], "status") == Counter((status,) for status in now.values())

    written = Counter(
        (event["policy"], event["mode"], event["type"], str(event["level"])) for event in events
    )
    assert by(found["tocsin_escalations_total"], "policy", "mode", "type", "level") == written
    last = {event["escalation_id"]: event for event in events}
    still_open = Counter((event["policy"], event["mode"], str(event["level"])) for event in last.values())
    assert by(found["tocsin_open_episodes"], "policy", "mode", "level") == still_open

    assert total(found["tocsin_append_to_commit_seconds_count"]) == records
    assert total(found["tocsin_event_to_commit_seconds_count"]) == totals.enriched
    assert total(found["tocsin_batch_records_sum"]) == records
    batches = total(found["tocsin_transaction_duration_seconds_count"])
    assert 4 <= batches == total(found["tocsin_batch_records_count"])
    assert total(found["tocsin_transactions_failed_total"]) == 0
    assert (
        total(found["tocsin_takeover_duration_seconds_count"])
        == 2 * total(found["tocsin_partitions_owned"])
        == 8
    )
    assert (
        total(found["tocsin_rebalances_total"]) == total(found["tocsin_rebalance_duration_seconds_count"]) > 0
    )
    assert total(found["tocsin_ready"]) == 1
    # The internal topic ends in transaction markers, which no lag may consist of.
    sources = {*REPORT_SOURCES, *REQUEST_SOURCES}
    for lag in (found["tocsin_lag_records"], found["tocsin_lag_seconds"]):
        assert {(dict(pairs)["topic"], dict(pairs)["partition"]) for pairs in lag} == {
            (topic, str(partition)) for topic in sources for partition in range(4)
        }
    assert total(found["tocsin_lag_records"]) == total(found["tocsin_lag_seconds"]) == 0

    code, text = get(worker, "/status")
    status = orjson.loads(text)
    assert (code, status["ready"], len(status["partitions"])) == (200, True, 4)
    assert sum(partition["open_episodes"] for partition in status["partitions"]) == sum(still_open.values())
    assert get(worker, "/livez")[0] == 200
    pages = text + get(worker, "/metrics")[1]
    facts = [record.facts for record in reports if record.facts is not None]
    assert not any(fact.channel in pages or fact.report_id in pages for fact in facts)


def test_a_takeover_is_seen_and_lag_is_of_the_present(deploy):
    deployment = deploy()
    first = deployment.fleet.start()
    deployment.publish(generate(22, 2_000))
    deployment.wait_until_applied()
    deployment.kill(first)
    (worker,) = deployment.fleet.running
    became_ready(deployment.fleet, worker)
    time.sleep(2)
    deployment.publish(generate(23, 100))
    lags = []

    def applied():
        lags.append(max(scrape(worker)["tocsin_lag_seconds"].values()))
        return deployment.everything_applied()

    deployment.fleet.wait_for(applied, 20, "applied", tend=False)
    found = scrape(worker)
    assert total(found["tocsin_restored_records_total"]) > 4
    assert total(found["tocsin_state_records"]) > 4
    # Nothing waited for longer than between two looks, although the record before was seconds old.
    assert max(lags) < 2
    worker.signal(signal.SIGTERM)
    assert worker.wait(20) == 0


def test_a_port_in_use_is_named(deploy):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        worker = deploy(settings={"TOCSIN_HTTP_PORT": port}).fleet.start()
        assert worker.wait(20) == 1
    assert f"TOCSIN_HTTP_PORT={port}: cannot be listened on (Address already in use)" in worker.text
    assert "Traceback" not in worker.text


# In place of what a worker does: a commit that never comes, and a step that keeps the loop for itself.
HANGING = {
    "commit": ("streams.runtime.partition_owner", "write_transaction", "lambda *a: asyncio.sleep(1e6)"),
    "loop": ("streams.report_stage", "assess", "lambda *a: never_returns()"),
}


@pytest.mark.parametrize("where", ["commit", "loop"])
def test_a_worker_that_hangs_ends_itself_with_all_stacks(deploy, tmp_path, where):
    deployment = deploy(settings={"TOCSIN_WATCHDOG_SECONDS": "5", "TOCSIN_LOG_FORMAT": "json"})
    module, name, replacement = HANGING[where]
    program = (
        "import asyncio, sys, time\n"
        "def never_returns():\n    time.sleep(1e6)\n"
        f"import {module} as module\nmodule.{name} = {replacement}\n"
        "from streams.commands.main import main\nsys.argv = ['tocsin', 'worker']\nmain()\n"
    )
    deployment.publish(generate(24, 100))
    log = tmp_path / "hanging.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=ROOT, env=clean_environment(deployment.settings), stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        assert process.wait(40) == 1
    finally:
        process.kill()
    lines = [orjson.loads(line) for line in log.read_text().splitlines()]
    (last,) = [line for line in lines if line["level"] == "critical"]
    assert "no progress" in last["event"]
    if where == "commit":
        assert re.search(
            r"message-reports partition \d: \d+ records wait, and nothing was applied for \d s", last["event"]
        )
        assert "in _write\n" in last["stack"]
    else:
        assert "the event loop has not turned for" in last["event"]
        assert "in never_returns" in last["stack"]
        assert "in apply\n" in last["stack"]
