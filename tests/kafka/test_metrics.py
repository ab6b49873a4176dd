"""A worker's metrics and status pages, compared with the contents of the topics."""

import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.running.operations.worker_operations import SILENCE_SECONDS
from streams.running.patches.consumer_thread import UNANSWERED_SECONDS
from tests import bundled
from tests.fixtures.replay import TICK
from tests.kafka.harness.brokers import throwaway_broker
from tests.kafka.harness.deployment import (
    ESCALATIONS,
    INTERNAL,
    MODERATION,
    OUTCOMES,
    REPORTERS_INTERNAL,
    REQUESTS,
    REQUESTS_INTERNAL,
    ROUTING,
    SHADOW,
)
from tests.kafka.harness.desk import LEGAL_CLOCK
from tests.kafka.harness.mix import Mix
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.reports import generate, source_of
from tests.kafka.harness.workers import changed_worker


def get(worker, path):
    """Get a page: (status, text), or None until the worker has logged its address."""
    found = re.search(r"address=(http://\S+)", worker.text)
    if found is None:
        return None
    try:
        with urllib.request.urlopen(found[1] + path, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def scrape(worker):
    """Scrape /metrics: values by metric name and by sorted label pairs."""
    _, text = get(worker, "/metrics")
    values = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values[sample.name][tuple(sorted(sample.labels.items()))] = sample.value
    return values


def by(values, *labels):
    """The non-zero values by the values of these labels, summed over the others."""
    sums = Counter()
    for pairs, value in values.items():
        if value:
            sums[tuple(dict(pairs)[label] for label in labels)] += value
    return sums


def total(values):
    return sum(values.values())


def became_ready(fleet, worker):
    """Wait until the worker is ready. Returns the different answers of /readyz until then."""
    answers = []

    def ready():
        answer = get(worker, "/readyz")
        if answer is not None and (not answers or answers[-1] != answer):
            answers.append(answer)
        return answer is not None and answer[0] == 200

    fleet.wait_for(ready, 30, "ready", tend=False)
    return answers


def test_the_totals_match_the_topics(deploy):
    deployment = deploy()
    mix = Mix(deployment, 21, 300, 2, 0)
    reports = generate(21, 4_000, duplicates=0.02, bad=0.02)
    deployment.publish(reports[:2_000])
    # Three in four of these are in another partition than their home.
    deployment.publish(reports[2_000:], LIBRDKAFKA_DEFAULT)
    worker = deployment.fleet.start()

    answers = became_ready(deployment.fleet, worker)
    assert answers[0][0] == 503
    assert "waiting for the group's first assignment" in answers[0][1]
    assert answers[-1] == (200, "ready\n")

    mix.settle()
    reader = deployment.outputs()
    totals = mix.check(reader)
    # Without ticks: a slow machine writes some in the pauses, and more may follow during the comparison.
    moved = {
        topic: [row for row in reader.all(deployment.name(topic)) if ("ce_type", TICK) not in row.headers]
        for topic in (INTERNAL, REQUESTS_INTERNAL, REPORTERS_INTERNAL)
    }
    passed_on = sum(has_origin(row, deployment.name(OUTCOMES)) for row in moved[REQUESTS_INTERNAL])
    to_reporters = len(list(bundled.entries(moved[REPORTERS_INTERNAL])))
    to_reporters -= len(bundled.credits_in(moved[REPORTERS_INTERNAL]))
    stamps = bundled.stamps(moved[INTERNAL])
    stamped = sum(stamp is not None for stamp in stamps)
    # Reports without a reporter, outcomes, and requests.
    rekeyed = len(stamps) - stamped - passed_on
    rekeyed += sum(row.key is not None for topic in (INTERNAL, REQUESTS_INTERNAL) for row in moved[topic])
    assert stamped > 2_000
    assert rekeyed > 200
    # A commit is visible on the broker before the worker has counted it.
    deployment.fleet.wait_for(
        lambda: total(scrape(worker)["tocsin_reports_applied_total"]) >= totals.enriched,
        10,
        "counted",
        tend=False,
    )
    found = scrape(worker)
    sources = Counter(map(source_of, reports))
    published = {
        **sources,
        REQUESTS: len(deployment.requests),
        OUTCOMES: mix.desk.published,
        MODERATION: mix.moderators.records,
    }
    ticks = total(found["tocsin_ticks_read_total"])
    records = sum(published.values()) + sum(map(len, moved.values())) + ticks
    by_topic = by(found["tocsin_records_total"], "topic")
    assert {topic: by_topic.get((topic,)) for topic in published} == published
    assert total(by_topic) == records
    assert total(found["tocsin_reports_applied_total"]) == totals.enriched
    good_requests = sum(record.facts is not None for record in deployment.requests)
    repeated = totals.duplicates + good_requests - totals.requests + mix.desk.repeats + mix.moderators.repeats
    assert total(found["tocsin_reports_duplicate_total"]) == repeated > 0
    assert total(found["tocsin_reports_rekeyed_total"]) == rekeyed
    assert total(found["tocsin_reports_passed_to_reporters_total"]) == to_reporters
    assert total(found["tocsin_reports_stamped_total"]) == stamped
    assert total(found["tocsin_reports_late_total"]) == 0
    bad = [record for record in (*reports, *deployment.requests) if record.facts is None]
    reasons = Counter((record.reason,) for record in (*bad, *mix.desk.refused, *mix.moderators.refused))
    assert by(found["tocsin_dead_letters_total"], "reason") == reasons

    everything = [
        orjson.loads(row.value)
        for topic in (ESCALATIONS, SHADOW)
        for row in reader.all(deployment.name(topic))
    ]
    events = [event for event in everything if event["policy"] != LEGAL_CLOCK]
    written = Counter(
        (event["policy"], event["mode"], event["type"], str(event["level"])) for event in events
    )
    assert by(found["tocsin_escalations_total"], "policy", "mode", "type", "level") == written
    last = {event["escalation_id"]: event for event in events}
    still_open = Counter((event["policy"], event["mode"], str(event["level"])) for event in last.values())
    assert by(found["tocsin_open_episodes"], "policy", "mode", "level") == still_open
    clocks = [event for event in everything if event["policy"] == LEGAL_CLOCK]
    check_law(found, clocks, [orjson.loads(row.value) for row in reader.all(deployment.name(ROUTING))])
    outcomes = {("applied",): totals.clocks.outcomes, ("passed_on",): passed_on}
    assert by(found["tocsin_clock_outcomes_total"], "outcome") == outcomes

    assert total(found["tocsin_append_to_commit_seconds_count"]) == records
    assert total(found["tocsin_event_to_commit_seconds_count"]) == totals.enriched
    assert total(found["tocsin_batch_records_sum"]) == records
    # Each partition has an owner for each stage.
    stages = {("reports",): 4, ("requests",): 4, ("reporters",): 4}
    batches = total(found["tocsin_transaction_duration_seconds_count"])
    assert len(stages) * 4 <= batches == total(found["tocsin_batch_records_count"])
    assert total(found["tocsin_transactions_failed_total"]) == 0
    assert by(found["tocsin_partitions_owned"], "stage") == stages
    assert by(found["tocsin_partitions"], "stage") == stages
    assert total(found["tocsin_takeover_duration_seconds_count"]) == sum(stages.values())
    assert (
        total(found["tocsin_rebalances_total"]) == total(found["tocsin_rebalance_duration_seconds_count"]) > 0
    )
    assert total(found["tocsin_ready"]) == 1
    # The internal topics end in transaction markers, which must not count as lag.
    assert len(found["tocsin_lag_records"]) == len(found["tocsin_lag_seconds"]) == 4 * 9
    assert total(found["tocsin_lag_records"]) == total(found["tocsin_lag_seconds"]) == 0

    code, text = get(worker, "/status")
    status = orjson.loads(text)
    assert (code, status["ready"], len(status["partitions"])) == (200, True, len(stages) * 4)
    assert sum(partition["open_episodes"] for partition in status["partitions"]) == sum(still_open.values())
    assert get(worker, "/livez")[0] == 200
    pages = text + get(worker, "/metrics")[1]
    facts = [record.facts for record in reports if record.facts is not None]
    assert not any(fact.channel in pages or fact.report_id in pages for fact in facts)
    assert not any(record.facts.request_id in pages for record in deployment.requests if record.facts)


def has_origin(row, topic):
    return dict(row.headers)["tocsin-origin"].startswith(topic.encode() + b"/")


def check_law(found, clocks, routings):
    """Compare the metrics of clocks and requests with the published events."""
    transitions = Counter(
        (event["clock"]["obligation"], event["reason"].removeprefix("clock_")) for event in clocks
    )
    status = {event["clock"]["clock_id"]: event["clock"]["status"] for event in clocks}
    requests, refusals = Counter(), Counter()
    for event in routings:
        routed = event["type"] == "routed"
        for clock in event["clocks"]:
            reason = "armed" if routed else event["reason"].removeprefix("clock_")
            transitions[clock["obligation"], reason] += 1
            status[clock["clock_id"]] = clock["status"]
        if routed:
            requests[event["kind"], event["decision"]] += 1
            refusals.update((refusal["code"],) for refusal in event["findings"]["refusals"])
    assert by(found["tocsin_clock_transitions_total"], "obligation", "event") == transitions
    still_open = Counter(
        (name,) for name in status.values() if name not in ("fulfilled", "withdrawn", "over")
    )
    assert by(found["tocsin_clocks"], "status") == still_open
    assert by(found["tocsin_authority_requests_total"], "kind", "decision") == requests
    assert by(found["tocsin_refusals_total"], "code") == refusals


def test_a_takeover_is_counted_and_lag_covers_only_waiting_records(deploy):
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
    # Lag covers only waiting records: none waited long, although the previous record was seconds old.
    assert max(lags) < 2
    worker.signal(signal.SIGTERM)
    assert worker.wait(20) == 0


@pytest.mark.parametrize("away", [pytest.param("refusing", marks=pytest.mark.nightly), "silent"])
def test_without_a_broker_no_lag_is_shown_and_the_worker_stops_in_time(deploy, tmp_path, away):
    with throwaway_broker(tmp_path / "kafka") as broker:
        deployment = deploy(bootstrap=broker.bootstrap)
        worker = deployment.fleet.start()
        deployment.publish(generate(26, 500))
        deployment.wait_until_applied()
        assert scrape(worker)["tocsin_lag_records"]
        if away == "refusing":
            broker.kill()
        else:
            os.kill(broker.pid, signal.SIGSTOP)
        deployment.fleet.wait_for(
            lambda: get(worker, "/readyz")[0] == 503,
            UNANSWERED_SECONDS + SILENCE_SECONDS + 10,
            "not ready",
            tend=False,
        )
        assert get(worker, "/readyz")[1].startswith("not ready: the brokers do not answer, ")
        assert get(worker, "/livez")[0] == 200
        found = scrape(worker)
        assert found["tocsin_ready"] == {(): 0}
        assert not found["tocsin_lag_records"] and not found["tocsin_lag_seconds"]
        worker.signal(signal.SIGTERM)
        # Kubernetes grants 30 s by default.
        assert worker.wait(20) == 0
        assert "Traceback" not in worker.text
        broker.kill()


def test_a_port_in_use_is_named(deploy):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        worker = deploy(settings={"TOCSIN_HTTP_PORT": port}).fleet.start()
        assert worker.wait(20) == 1
    assert f"TOCSIN_HTTP_PORT={port}: cannot listen on this address (Address already in use)" in worker.text
    assert "Traceback" not in worker.text


def test_a_host_that_is_not_local_is_named(deploy):
    worker = deploy(settings={"TOCSIN_HTTP_HOST": "nowhere.invalid"}).fleet.start()
    assert worker.wait(20) == 1
    assert "TOCSIN_HTTP_HOST=nowhere.invalid" in worker.text
    assert "The host must be a name or an address of this machine" in worker.text
    assert "Another worker" not in worker.text
    assert "Traceback" not in worker.text


# What is replaced in the worker: a commit that never ends, and a step that blocks the event loop.
HANGING = {
    "commit": ("streams.running.cycle.cycle", "Cycle.write", "lambda *a: asyncio.sleep(1e6)"),
    "loop": ("streams.deciding.partition.stage", "Stage.apply_in_slices", "lambda *a, **k: never_returns()"),
}


@pytest.mark.parametrize("where", ["commit", pytest.param("loop", marks=pytest.mark.nightly)])
def test_a_worker_that_hangs_ends_itself_with_all_stacks(deploy, where):
    deployment = deploy(settings={"TOCSIN_WATCHDOG_SECONDS": "5", "TOCSIN_LOG_FORMAT": "json"})
    module, name, replacement = HANGING[where]
    program = (
        "import asyncio, time\n"
        "def never_returns():\n    time.sleep(1e6)\n"
        f"import {module} as module\nmodule.{name} = {replacement}\n"
    )
    deployment.publish(generate(24, 100))
    worker = deployment.fleet.start(changed_worker(program))
    assert worker.wait(40) == 1
    lines = [orjson.loads(line) for line in worker.text.splitlines()]
    (last,) = [line for line in lines if line["level"] == "critical"]
    assert "no progress" in last["event"]
    if where == "commit":
        assert re.search(
            r"(message|verified)-reports partition \d: \d+ records are waiting, none applied for \d s",
            last["event"],
        )
        assert "in _commit\n" in last["stack"]
    else:
        assert "the event loop has been blocked for" in last["event"]
        assert "in never_returns" in last["stack"]
        assert "in _apply_in_slices\n" in last["stack"]
