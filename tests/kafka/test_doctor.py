"""`tocsin doctor` on a real broker: what it proves, each defect that can be made there, and what it leaves."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from aiokafka.admin import NewTopic
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient

from streams.commands.doctor import addresses, asking, transactions, trials
from streams.commands.doctor.append_time import prove_append_time
from streams.commands.doctor.examination import examine
from streams.commands.doctor.finding import Finding
from streams.commands.doctor.record_size import prove_record_size
from streams.commands.main import commands
from streams.running.clients.kafka_writing import producer_for
from streams.running.log.connection import Connection
from streams.running.operations.access_rights import PROBES
from streams.running.topics.topic_admin import admin_client, create_topics
from streams.running.topics.topic_catalogue import load_catalogue
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import load_settings
from tests.kafka.harness.admin import Operator, create_and_see
from tests.kafka.harness.workers import clean_environment

CATALOGUE = load_catalogue()


def settings_of(bootstrap: str, prefix: str) -> dict[str, str]:
    return {
        "TOCSIN_KAFKA_BOOTSTRAP": bootstrap,
        "TOCSIN_TOPIC_PREFIX": prefix,
        "TOCSIN_REPLICATION_FACTOR": "1",
        "TOCSIN_MIN_INSYNC_REPLICAS": "1",
    }


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine an answer takes as long as it takes."""
    monkeypatch.setattr(asking, "CHECK_SECONDS", 600.0)
    monkeypatch.setattr(trials, "CHECK_SECONDS", 600.0)
    monkeypatch.setattr(addresses, "ANSWER_SECONDS", 600.0)


@pytest.fixture(autouse=True)
def nothing_left(kafka: str, prefix: str) -> Iterator[None]:
    """The broker is that of other tests, to whom each topic costs time."""
    yield
    if left := [prefix + name for name in topics_of(kafka, prefix)]:
        with_admin(kafka, lambda admin: admin.delete_topics(left))


@pytest.fixture
def doctor(kafka: str, prefix: str) -> Callable[..., dict[str, tuple[str, str]]]:
    """Runs the command, and gives verdict and text by check; `code` is its exit code."""

    def run(*arguments: str, code: int = 0, **settings: str) -> dict[str, tuple[str, str]]:
        done = CliRunner().invoke(
            commands, ["doctor", "--json", *arguments], env=settings_of(kafka, prefix) | settings
        )
        assert done.exit_code == code, done.output
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        found = {row["check"]: (row["verdict"], f"{row['found']} {row['remedy']}") for row in rows}
        # What cannot be told from another check in a list has to have its own name.
        assert len(found) == len(rows), done.stdout
        return found

    return run


def with_admin(kafka, action):
    async def run():
        async with admin_client(Connection(kafka)) as admin:
            return await action(admin)

    return asyncio.run(run())


def topics_of(kafka: str, prefix: str) -> set[str]:
    every = AdminClient({"bootstrap.servers": kafka, "log_level": 0}).list_topics(timeout=20).topics
    return {name.removeprefix(prefix) for name in every if name.startswith(prefix)}


def not_ok(found):
    return {check: row[0] for check, row in found.items() if row[0] != "ok"}


def test_all_that_one_broker_can_do_is_proved_and_nothing_is_left(kafka, prefix, doctor):
    before = doctor()
    # A broker of other tests has them.
    before.pop("Kafka's own topics")
    assert not_ok(before) == {"topics": "not tried", "rights": "not tried"}
    with_admin(kafka, lambda admin: create_topics(admin, CATALOGUE, prefix, 2, 1, 1))
    found = doctor()
    # It says what one broker without a login is not: safe.
    assert not_ok(found) == {"replicas": "warning", "rights": "warning"}
    assert {"fencing", "read_committed", "open transactions", "append time", "clocks"} <= found.keys()
    assert "11,534,336 bytes" in found["largest record"][1]
    assert topics_of(kafka, prefix) == {*CATALOGUE}


def test_each_difference_of_a_topic_is_found_by_what_it_concerns(kafka, prefix, doctor):
    async def create(admin):
        others = NewTopic(prefix + "escalations", 3, 1, topic_configs=CATALOGUE["escalations"].settings(1))
        # Left by one that was killed, or of one that still runs: nobody knows which.
        await create_and_see(admin, [others, NewTopic(prefix + PROBES + "0", 1, 1)])
        await create_topics(admin, CATALOGUE, prefix, 2, 1, 1)

    with_admin(kafka, create)
    operator = Operator(kafka)
    for topic, setting, value in (
        ("channel-state", "cleanup.policy", "delete"),
        ("message-reports", "message.timestamp.type", "CreateTime"),
        ("rule-sets", "max.message.bytes", "1048576"),
        ("verified-reports", "min.insync.replicas", "2"),
        ("claims", "segment.bytes", "1073741824"),
    ):
        operator.set(prefix + topic, setting, value)
    operator.delete(prefix + "refusals")

    found = doctor(code=1)
    for check, texts in {
        "topics": ("1 of", prefix + "refusals", "tocsin topics create"),
        "topics' partitions": (f"{prefix}escalations has 3 partitions", "has 2"),
        "topics' compaction": (
            f"{prefix}channel-state cleanup.policy is delete",
            "--add-config cleanup.policy",
        ),
        "topics' append time": (f"{prefix}message-reports message.timestamp.type is CreateTime",),
        "topics' record size": (f"{prefix}rule-sets max.message.bytes is 1048576", "11534336"),
        "topics' in-sync replicas": (f"{prefix}verified-reports min.insync.replicas is 2",),
        "topics' other settings": (f"{prefix}claims segment.bytes is 1073741824",),
    }.items():
        verdict, text = found.pop(check)
        assert verdict == "failed" and all(each in text for each in texts), (check, text)
    assert prefix + PROBES + "0" in found["former probes"][1]
    # A role that needs what is missing is not among them.
    assert "worker" not in found["rights"][1] and "console" in found["rights"][1]
    assert not_ok(found) == {"former probes": "warning", "replicas": "warning"}
    assert topics_of(kafka, prefix) == {*CATALOGUE, PROBES + "0"} - {"refusals"}


def test_trials_fail_where_brokers_do_not_do_what_tocsin_relies_on(kafka, prefix):
    name, connection = prefix + "chosen", Connection(kafka)
    settings = load_settings(settings_of(kafka, prefix))
    findings: list[Finding] = []

    async def run():
        async with admin_client(connection) as admin:
            await create_and_see(admin, [NewTopic(name, 1, 1, topic_configs={"max.message.bytes": "100000"})])
        async with producer_for(settings, name) as producer:
            leaders = {0: 1}
            findings.extend(await prove_append_time(connection, producer, name, leaders, [1], clock_ms))
            findings.extend(await prove_record_size(connection, producer, name, 200_000))
        alone = connection.producer(prefix + "alone")
        await alone.start()
        await alone.begin_transaction()
        await alone.append(name, 0, [(None, b"", [])], clock_ms())
        # Nobody has fenced it.
        findings.append(await transactions._fencing(alone))
        await alone.stop()
        # A machine whose clock is ten minutes behind.
        await examine(settings, (), findings.append, lambda: clock_ms() - 600_000)

    asyncio.run(run())
    failed = {each.check: each.found for each in findings if each.verdict == "failed"}
    assert failed.keys() == {"append time", "largest record", "fencing", "clocks"}
    assert "kept the time that its publisher chose" in failed["append time"]
    assert "refuse a record of 200,000 bytes" in failed["largest record"]
    assert "could commit although" in failed["fencing"]
    assert "ahead of this one's by 0:" in failed["clocks"]


def test_too_few_brokers_for_the_replicas_are_found_and_the_rest_is_tried(doctor):
    found = doctor(code=1, TOCSIN_REPLICATION_FACTOR="3", TOCSIN_MIN_INSYNC_REPLICAS="2")
    assert "TOCSIN_REPLICATION_FACTOR=1" in found["topics' in-sync replicas"][1]
    assert "__transaction_state has 1" in found["Kafka's own topics"][1]
    assert found["fencing"][0] == found["append time"][0] == "ok"


# Tries transactions in its topic until somebody ends it.
_STAYS = """
import asyncio, sys
from streams.commands.doctor import asking, trials
from streams.commands import main
async def prove(*_):
    print("trying", flush=True)
    await asyncio.sleep(3600)
asking.CHECK_SECONDS = 3600
trials.prove_transactions = prove
sys.argv = ["tocsin", "doctor"]
main.main()
"""


def test_a_command_that_is_ended_deletes_its_topic(kafka, prefix):
    process = subprocess.Popen(
        [sys.executable, "-c", _STAYS],
        env=clean_environment(settings_of(kafka, prefix)),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        while process.stdout.readline() != "trying\n":
            assert process.poll() is None
        assert [name for name in topics_of(kafka, prefix) if name.startswith(PROBES)]
        process.send_signal(signal.SIGTERM)
        assert "is deleted again" in process.stdout.read()
        assert process.wait() == -signal.SIGTERM
    finally:
        process.kill()
        process.wait()
    assert topics_of(kafka, prefix) == set()
