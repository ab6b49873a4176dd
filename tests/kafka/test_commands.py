"""The commands against a real broker, each in a process and environment of its own, as a person runs them."""

import asyncio
import json
import select
import signal
import subprocess
import time
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaProducer

from streams.deciding.partition.hash_key import DEMONSTRATION_KEY
from streams.running.topics.topic_catalogue import load_catalogue
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import now_ms, rfc3339
from tests.kafka.harness.workers import COMMAND, ROOT, clean_environment, patience, run

Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def environment(kafka: str, prefix: str) -> dict[str, str]:
    return clean_environment(
        {
            "TOCSIN_KAFKA_BOOTSTRAP": kafka,
            "TOCSIN_TOPIC_PREFIX": prefix,
            "TOCSIN_PARTITIONS": "2",
            "TOCSIN_REPLICATION_FACTOR": "1",
            "TOCSIN_MIN_INSYNC_REPLICAS": "1",
            "TOCSIN_HASH_KEY": DEMONSTRATION_KEY.hex(),
        }
    )


@pytest.fixture
def tocsin(environment: dict[str, str]) -> Run:
    def tocsin(*arguments: str, text: str = "", **variables: str) -> subprocess.CompletedProcess:
        return run([*COMMAND, *arguments], env=environment | variables, text=text)

    return tocsin


@pytest.fixture
def topics(tocsin: Run) -> None:
    assert tocsin("topics", "create").returncode == 0


def report(number: int, **fields: object) -> str:
    return json.dumps(
        {
            "report_id": f"report-{number}",
            "kind": "user_report",
            "occurred_at": rfc3339(now_ms()),
            "channel": {"ref": f"channel-{number}", "visibility": "public"},
            "category": "spam",
            **fields,
        }
    )


def produce(bootstrap: str, *records: tuple[str, bytes, list[tuple[str, bytes]]]) -> None:
    """Produce (topic, value, headers) records, as any other program would."""

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            for topic, value, headers in records:
                await producer.send_and_wait(topic, value, key=b"channel-1", partition=0, headers=headers)

    asyncio.run(send())


def test_create_lists_the_created_topics_and_can_be_repeated(tocsin, prefix):
    missing = tocsin("topics", "check")
    assert missing.returncode == 1
    assert f"{prefix}message-reports" in missing.stderr

    made = tocsin("topics", "create")
    assert made.returncode == 0, made.stderr
    assert f"created {prefix}channel-state\n" in made.stdout
    assert len(made.stdout.splitlines()) == len(load_catalogue())

    again = tocsin("topics", "create")
    assert again.returncode == 0
    assert "created" not in again.stdout

    assert tocsin("topics", "check").returncode == 0


def test_create_reports_the_error_of_the_broker(tocsin):
    refused = tocsin("topics", "create", TOCSIN_REPLICATION_FACTOR="3", TOCSIN_MIN_INSYNC_REPLICAS="2")
    assert refused.returncode == 1
    assert "Set TOCSIN_REPLICATION_FACTOR=1 and TOCSIN_MIN_INSYNC_REPLICAS=1 " in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert "Traceback" not in refused.stderr


def test_check_finds_a_changed_setting(tocsin, topics, kafka, prefix):
    Operator(kafka).set(f"{prefix}channel-state", "cleanup.policy", "delete")
    checked = tocsin("topics", "check")
    assert checked.returncode == 1
    assert f"{prefix}channel-state: cleanup.policy is delete" in checked.stderr


def test_publish_sends_valid_lines_and_names_invalid_ones(tocsin, topics, kafka, prefix):
    lines = [report(1), "{broken", report(2), report(3, category="rudeness"), report(4)]
    result = tocsin("publish", "--source", "/platform/web", text="\n".join(lines))
    assert result.returncode == 1
    assert result.stdout == "3 published, 2 refused\n"
    assert [line.split(":")[:2] for line in result.stderr.splitlines()] == [
        ["line 2", " not_json"],
        ["line 4", " unknown_category"],
    ]
    topic = f"{prefix}message-reports"
    with Reader(kafka, [topic]) as reader:
        rows = [row for rows in reader.catch_up().rows[topic].values() for row in rows]
    assert {row.key: row.value.decode() for row in rows} == {
        b"channel-1": lines[0],
        b"channel-2": lines[2],
        b"channel-4": lines[4],
    }
    headers = dict(rows[0].headers)
    assert headers["ce_source"] == b"/platform/web"
    assert headers["ce_id"].replace(b"report", b"channel") == rows[0].key


def test_publish_dry_run_sends_nothing(tocsin, topics, kafka, prefix):
    result = tocsin("publish", "--dry-run", text=report(1))
    assert (result.returncode, result.stdout) == (
        0,
        "1 ready to publish, 0 refused\n",
    )
    topic = f"{prefix}message-reports"
    with Reader(kafka, [topic]) as reader:
        assert not any(reader.catch_up().rows[topic].values())


def test_publish_sends_each_line_at_once(environment, topics, kafka, prefix):
    topic = f"{prefix}message-reports"
    command = subprocess.Popen(
        [*COMMAND, "publish"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=environment
    )
    try:
        command.stdin.write(report(1).encode() + b"\n")
        command.stdin.flush()
        deadline = time.monotonic() + 30 * patience()
        with Reader(kafka, [topic]) as reader:
            while not any(reader.catch_up().rows[topic].values()):
                assert time.monotonic() < deadline, "the line was not sent while standard input stayed open"
        out, _ = command.communicate(timeout=30 * patience())
        assert out == b"1 published, 0 refused\n"
    finally:
        command.kill()
        command.wait()


def test_publish_without_topics_names_the_remedy(tocsin):
    result = tocsin("publish", text=report(1))
    assert result.returncode == 1
    assert "tocsin topics create" in result.stderr


def test_tail_prints_existing_records_as_json(tocsin, topics, kafka, prefix):
    produce(
        kafka,
        (f"{prefix}dead-letters", b"{broken", [("tocsin-reason", b"not_json")]),
        (f"{prefix}dead-letters", b'{"a": 1}', [("tocsin-reason", b"missing_field")]),
    )
    result = tocsin("tail", "dead-letters", "--from-beginning", "--json", "--max", "2")
    assert result.returncode == 0, result.stderr
    first, second = map(json.loads, result.stdout.splitlines())
    assert first == {
        "key": "channel-1",
        "headers": {"tocsin-reason": "not_json"},
        "value": None,
        "value_base64": "e2Jyb2tlbg==",
    }
    assert second["value"] == {"a": 1}


def test_tail_names_the_offset_of_an_unreadable_record(tocsin, topics, kafka, prefix):
    produce(kafka, (f"{prefix}escalations", b"{broken", []))
    result = tocsin("tail", "escalations", "--from-beginning", "--max", "1")
    assert result.returncode == 1
    assert f"{prefix}escalations partition 0 offset 0" in result.stderr


def test_tail_without_the_topic_names_the_remedy(tocsin):
    result = tocsin("tail", "escalations")
    assert result.returncode == 1
    assert "tocsin topics create" in result.stderr


def test_tail_shows_new_records_and_ctrl_c_ends_it_without_an_error(environment, topics, kafka, prefix):
    topic = f"{prefix}dead-letters"
    produce(kafka, (topic, b"old", []))
    command = subprocess.Popen(
        [*COMMAND, "tail", "dead-letters", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    try:
        # The command starts at the end of the topic at some moment, so records are written until it prints
        # one.
        deadline = time.monotonic() + 30 * patience()
        numbers = iter(range(1_000))
        produced = []
        while not produced or command.poll() is None and not _readable(command):
            assert time.monotonic() < deadline
            produced.append(f"new-{next(numbers)}")
            produce(kafka, (topic, json.dumps(produced[-1]).encode(), []))
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=30 * patience())
    finally:
        command.kill()
        command.wait()
    assert (command.returncode, err) == (0, "")
    shown = [json.loads(line)["value"] for line in out.splitlines()]
    assert shown
    assert shown == produced[produced.index(shown[0]) :][: len(shown)]


def _readable(command: subprocess.Popen) -> bool:
    return bool(select.select([command.stdout], [], [], 0.2)[0])
