"""Brokers and workers with a wrong clock: nothing is applied at a wrong time, and a time that ran ahead is
set back.
"""

import asyncio
import re
import urllib.request
from collections import Counter

import orjson
import pytest
from aiokafka.errors import KafkaError
from click.testing import CliRunner
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, Consumer, TopicPartition

from streams.commands.main import commands
from streams.deciding.reports.stage import report_stage
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.brokers import throwaway_broker
from tests.kafka.harness.clocks import broker_with_clock, shifted
from tests.kafka.harness.deployment import (
    DEAD_LETTERS,
    ENRICHED,
    ESCALATIONS,
    INTERNAL,
    SOURCE,
    STATE,
)
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import Published, now_ms, rfc3339, spam_report, take_it_down_request
from tests.kafka.harness.strange import publish_with_forged_append_time
from tests.kafka.harness.workers import WORKER
from tests.unit.traffic import Record, run
from tests.runbook_lines import arguments, mitigation

DAY_S = 24 * 3600
YEAR_S = 365 * DAY_S


def stopped(deployment, worker):
    """The log of a worker that must stop by itself with exit code 1."""
    assert worker.wait(60) == 1
    return worker.text


def clock_difference(worker):
    """By how many seconds the broker's clock is ahead of the worker's, as the worker's metrics say."""
    url = re.search(r"address=(http://\S+)", worker.text)[1]
    with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.search(r'^tocsin_clock_difference_seconds{partition="0",stage="reports"} (\S+)$', text, re.M)
    return float(found[1])


def nothing_applied(reader, deployment):
    return [
        topic for topic in (ENRICHED, ESCALATIONS, DEAD_LETTERS) if reader.count(deployment.name(topic))
    ] == []


@pytest.mark.nightly
def test_a_broker_a_year_ahead_stops_workers_before_anything_is_applied(tmp_path, deploy):
    folder = tmp_path / "kafka"
    with broker_with_clock(folder, YEAR_S) as broker:
        deployment = deploy(bootstrap=broker.bootstrap, partitions=2)
        # The publisher's clock is a year ahead too, as far as the broker can tell.
        wrong = [spam_report(n, "c-1", now_ms() + YEAR_S * 1000) for n in range(3)]
        deployment.publish([spam_report(9, "c-1", now_ms()), take_it_down_request(1, now_ms()), *wrong])
        log = stopped(deployment, deployment.fleet.start())
        assert re.search(r"the broker's clock is ahead by 36[45] days, .*, or this machine's is behind", log)
        assert "tocsin source skip" in log
        assert "Traceback" not in log
        assert nothing_applied(deployment.outputs(), deployment)
    # With the right clock, new records have right times. Those in the log are refused until they are passed
    # over.
    with throwaway_broker(folder) as broker:
        assert broker.bootstrap == deployment.bootstrap
        assert "this machine's is behind" in stopped(deployment, deployment.fleet.start())
        assert nothing_applied(deployment.outputs(), deployment)


@pytest.mark.nightly
def test_a_broker_a_year_behind_refuses_honest_reports_until_they_are_driven_again(tmp_path, deploy):
    """By the broker's clock they come from the future. They are not lost: with the right clock, they count."""
    folder = tmp_path / "kafka"
    with broker_with_clock(folder, -YEAR_S) as broker:
        deployment = deploy(bootstrap=broker.bootstrap, partitions=1)
        worker = deployment.fleet.start()
        deployment.publish([spam_report(n, "c-1", now_ms(), "terrorism") for n in range(30)])
        deployment.wait_until_applied(60)
        reader = deployment.outputs()
        refused = Counter(
            dict(row.headers)["tocsin-reason"] for row in reader.all(deployment.name(DEAD_LETTERS))
        )
        assert refused == {b"future_timestamp": 30}
        assert reader.count(deployment.name(ENRICHED)) == 0
        # TocsinClocksDisagree fires on it.
        assert clock_difference(worker) < -YEAR_S + 60
        worker.terminate()
        deployment.fleet.tend()
    with throwaway_broker(folder) as broker:
        assert broker.bootstrap == deployment.bootstrap
        deployment.fleet.start()
        arguments = ["dead-letters", "redrive", "--reason", "future_timestamp"]
        for _ in range(2):
            result = CliRunner().invoke(commands, arguments, env=deployment.settings)
            assert result.exit_code == 0, result.output
            deployment.wait_until_applied(60)
        reader = deployment.outputs()
        assert reader.count(deployment.name(ENRICHED)) == 30
        assert reader.count(deployment.name(ESCALATIONS)) >= 1


@pytest.mark.nightly
def test_a_clock_that_differs_by_minutes_is_shown(tmp_path, deploy):
    with broker_with_clock(tmp_path / "kafka", 120) as broker:
        deployment = deploy(bootstrap=broker.bootstrap, partitions=1)
        worker = deployment.fleet.start()
        deployment.publish([spam_report(1, "c-1", now_ms())])
        deployment.wait_until_applied(60)
        # The part that the duration of the transaction could explain is left out.
        assert 60 < clock_difference(worker) <= 121


def test_a_worker_that_is_behind_stops_and_another_one_goes_on(deploy):
    deployment = deploy(partitions=2)
    deployment.publish([spam_report(n, f"c-{n}", now_ms()) for n in range(20)])
    log = stopped(deployment, deployment.fleet.start(shifted(WORKER, -15 * 60)))
    assert re.search(r"the broker's clock is ahead by 0:1[45]:\d\d, or this machine's is behind", log)
    # Its supervisor starts one with the right clock.
    deployment.wait_until_applied(60)
    assert deployment.outputs().count(deployment.name(ENRICHED)) == 20


@pytest.mark.nightly
def test_a_worker_a_year_ahead_lapses_no_clock(deploy):
    deployment = deploy(partitions=1)
    deployment.publish([take_it_down_request(1, now_ms())])
    worker = deployment.fleet.start(shifted(WORKER, YEAR_S))
    deployment.fleet.wait_for(
        lambda: deployment.outputs().count(deployment.name(INTERNAL)) >= 3, 60, "ticks were written"
    )
    deployment.publish([spam_report(2, "c-2", now_ms())])
    deployment.wait_until_applied(60)
    worker.terminate()
    deployment.fleet.tend()
    events = [orjson.loads(row.value) for row in deployment.outputs().all(deployment.name(ESCALATIONS))]
    # Nothing that time alone leads to: no step of a clock, no resolution.
    assert {event["reason"] for event in events} == {"clock_armed", "threshold_crossed"}


def test_a_topic_that_became_create_time_stops_its_stage_before_anything_is_applied(deploy):
    deployment = deploy(partitions=2)
    worker = deployment.fleet.start()
    deployment.fleet.wait_for(lambda: "owns partitions" in worker.text, 60, "the takeover")
    operator = Operator(deployment.bootstrap)
    operator.set(deployment.name(SOURCE), "message.timestamp.type", "CreateTime")
    deployment.publish([spam_report(n, "c-1", now_ms()) for n in range(5)])
    log = stopped(deployment, worker)
    assert (
        "the publisher chose the time of this record, not the broker. Nothing of this batch was applied."
        in log
    )
    assert (
        f"kafka-configs.sh --alter --entity-type topics --entity-name {deployment.name(SOURCE)} "
        "--add-config message.timestamp.type=LogAppendTime" in log
    )
    assert "Traceback" not in log
    assert nothing_applied(deployment.outputs(), deployment)
    # Corrected, the topic takes append times again; what was written meanwhile is still refused.
    operator.set(deployment.name(SOURCE), "message.timestamp.type", "LogAppendTime")
    assert "the publisher chose the time" in stopped(deployment, deployment.fleet.start())


@pytest.mark.parametrize("setting", ["LogAppendTime", "CreateTime"])
def test_a_producer_cannot_choose_the_type_of_the_time(deploy, setting):
    """A broker refuses a batch that claims append times, or writes the type of the topic over it."""
    deployment = deploy(partitions=1)
    topic = deployment.name(SOURCE)
    Operator(deployment.bootstrap).set(topic, "message.timestamp.type", setting)
    forged = now_ms() - 1_800_000
    try:
        asyncio.run(
            publish_with_forged_append_time(
                deployment.bootstrap, topic, spam_report(1, "c-1", now_ms()), forged
            )
        )
    except KafkaError:
        assert deployment.outputs().count(topic) == 0
        return
    consumer = Consumer({"bootstrap.servers": deployment.bootstrap, "group.id": "none"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    kind, time = consumer.poll(30).timestamp()
    consumer.close()
    if setting == "CreateTime":
        assert (kind, time) == (TIMESTAMP_CREATE_TIME, forged)
    else:
        assert kind == TIMESTAMP_LOG_APPEND_TIME
        assert abs(time - now_ms()) < 60_000


# --- setting time back


def poison(deployment, partition, wrong_ms):
    """Give a partition the state in which a tick of an older worker left it: a year ahead."""
    stage = report_stage(shipped_rules())
    state = stage.restore(partition, deployment.partitions)
    time = now_ms() - 60_000
    channel = home_channel(deployment, partition)
    first = spam_report(0, channel, time)
    wrong_tick = Record(
        INTERNAL, partition, 0, wrong_ms, None, b'{"after":1}', [("ce_type", b"tocsin.tick.v1")]
    )
    reported = Record(SOURCE, partition, 0, time, first.key, first.value)
    outcome = run(state, stage.rules, [reported, wrong_tick])
    assert state.time.now >= wrong_ms - 60_000
    Operator(deployment.bootstrap).write(
        deployment.name(STATE), partition, [(k, v) for k, v in outcome.changes.items() if v is not None]
    )


def home_channel(deployment, partition):
    homes = report_stage(shipped_rules()).restore(partition, deployment.partitions).homes
    return next(f"c-{n}" for n in range(1_000) if homes.of(f"c-{n}")[1] == partition)


def corrections(deployment):
    """The corrections of time in partition 0."""
    of_type = ("ce_type", b"tocsin.time-correction.v1")
    rows = deployment.outputs().rows[deployment.name(INTERNAL)][0]
    return [row for row in rows if of_type in row.headers]


def test_a_time_that_ran_ahead_is_set_back_and_honest_reports_open_an_escalation(deploy):
    deployment = deploy(partitions=2)
    wrong = now_ms() + YEAR_S * 1000
    poison(deployment, 0, wrong)
    channel = home_channel(deployment, 0)

    def tocsin(*arguments):
        return CliRunner().invoke(commands, ["state", *arguments], env=deployment.settings)

    def honest(first):
        return [spam_report(n, channel, now_ms(), "terrorism") for n in range(first, first + 30)]

    def opened():
        rows = deployment.outputs().all(deployment.name(ESCALATIONS))
        return [
            event for event in map(orjson.loads, (row.value for row in rows)) if event["type"] == "opened"
        ]

    deployment.fleet.start()
    deployment.publish(honest(100))
    deployment.wait_until_applied(60)
    assert opened() == []

    shown = tocsin("time", "--stage", "reports")
    assert shown.exit_code == 1
    assert re.search(r"reports +0 .* 36\d days, .* ahead", shown.stdout), shown.output
    # As the runbook says, word for word.
    place = {"STAGE": "reports", "PARTITION": 0}
    alert, look = "TocsinTimeAhead", "tocsin state set-time --stage STAGE --partition PARTITION"
    look = f'{look} --reason "clock of broker 2 was wrong" --actor op-7f3a'
    options, correction = (
        arguments(mitigation(alert, each), **place)[1:] for each in (look, f"{look} --yes")
    )
    assert "nothing was written" in tocsin(*options).stdout
    assert corrections(deployment) == []
    result = tocsin(*correction)
    assert result.exit_code == 0, result.output
    deployment.wait_until_applied(60)
    assert tocsin("time").exit_code == 0
    assert "its time is right" in tocsin(*correction).stderr

    deployment.publish(honest(200))
    deployment.wait_until_applied(60)
    assert {event["channel_ref"] for event in opened()} == {channel}
    assert all(event["at"] < rfc3339(now_ms() + 60_000) for event in opened())
    [row] = corrections(deployment)
    assert orjson.loads(row.value)["actor"] == "op-7f3a"


@pytest.mark.nightly
def test_a_correction_is_replayed_from_the_log(deploy):
    """It takes no effect here, as the time is right, but it has its place in the order of application."""
    deployment = deploy(partitions=1)
    deployment.fleet.start()
    deployment.publish([spam_report(n, "c-1", now_ms()) for n in range(50)])
    deployment.wait_until_applied(60)
    time = now_ms()
    value = b'{"wrong_ms":%d,"clock_ms":%d,"reason":"a test","actor":"op-1"}' % (time + 10**9, time)
    headers = [("ce_type", b"tocsin.time-correction.v1")]
    deployment.publisher(topic=INTERNAL).publish([Published(None, value, headers=headers)])
    deployment.wait_until_applied(60)
    deployment.publish([spam_report(n, "c-1", now_ms()) for n in range(100, 150)])
    deployment.wait_until_applied(60)
    reader = deployment.outputs()
    assert reader.count(deployment.name(DEAD_LETTERS)) == 0
    assert check_replay(deployment, reader, shipped_rules())[ENRICHED] == 100
