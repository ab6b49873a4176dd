"""The local broker, really started: what survives restarts, and the errors when it cannot start."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.kafka.harness import quick_java
from tests.kafka.harness.admin import create_and_see
from tocsin_demo.local_kafka import LocalKafka, LocalKafkaError, jars, java, probe

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

RECORDS = [f"record {number}".encode() for number in range(100)]


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[LocalKafka]:
    broker = LocalKafka(tmp_path / "kafka")
    yield broker
    broker.kill()


async def create_topic(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await create_and_see(admin, [NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await asyncio.gather(*[await producer.send(topic, value, partition=0) for value in values])


async def commit_and_crash(kafka: LocalKafka, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id="writer")
    await producer.start()
    async with producer.transaction():
        await producer.send(topic, value, partition=0)
    kafka.kill()
    # Without a limit, it would wait until the broker comes back.
    with contextlib.suppress(Exception):
        await asyncio.wait_for(producer.stop(), 0.5)


async def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level="read_committed"
    ) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        async with asyncio.timeout(10):
            return [(await consumer.getone()).value for _ in range(count)]


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
        # A zombie process still has its pid until its parent waits for it.
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_records_and_ports_survive_a_stop_and_a_kill(kafka: LocalKafka) -> None:
    kafka.start()
    asyncio.run(create_topic(kafka.bootstrap, "letters"))
    asyncio.run(produce(kafka.bootstrap, "letters", RECORDS))
    kafka.stop()
    assert not kafka.running

    # A new object knows only the folder, as in a new process.
    again = LocalKafka(kafka.folder)
    assert again.bootstrap == kafka.bootstrap
    try:
        again.start()
        assert asyncio.run(consume(again.bootstrap, "letters", len(RECORDS))) == RECORDS
        # A commit is acknowledged before its marker is written; the crash happens in between.
        asyncio.run(commit_and_crash(again, "letters", b"committed"))
        assert not again.running

        again.start()
        asyncio.run(create_topic(again.bootstrap, "more-letters"))
        expected = [*RECORDS, b"committed"]
        assert asyncio.run(consume(again.bootstrap, "letters", len(expected))) == expected
    finally:
        again.kill()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """One broker for the tests that do not change it, started by a thread that has since ended.

    It runs the command of the product instead of the quick one of the tests.
    """
    broker = LocalKafka(tmp_path_factory.mktemp("kafka"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(java, "command", quick_java.SHIPPED_COMMAND)
        starter = threading.Thread(target=broker.start)
        starter.start()
        starter.join()
    yield broker
    broker.stop()
    broker.stop()


@pytest.mark.nightly
def test_a_record_of_many_megabytes_is_accepted(running: LocalKafka) -> None:
    async def send(size: int) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=running.bootstrap, max_request_size=32 << 20
        ) as producer:
            await producer.send_and_wait("large", os.urandom(size))

    asyncio.run(create_topic(running.bootstrap, "large"))
    asyncio.run(send(19 << 20))


@linux_only
def test_the_broker_listens_on_loopback_only(running: LocalKafka) -> None:
    process = Path(f"/proc/{running.pid}")
    opened = set()
    for descriptor in (process / "fd").iterdir():
        # The descriptor may have been closed since it was listed.
        with contextlib.suppress(FileNotFoundError):
            opened.add(os.readlink(descriptor))
    tables = (process / "net/tcp").read_text().splitlines() + (process / "net/tcp6").read_text().splitlines()
    rows = [line.split() for line in tables]
    # Fields: 1 local address and port, 3 state (0A is listening), 9 inode.
    listening = [row[1].split(":") for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in opened]
    assert {address for address, _ in listening} <= {"0100007F", "0000000000000000FFFF00000100007F"}
    assert {int(port, 16) for _, port in listening} == {running.port, running.controller_port}


def test_the_broker_outlives_its_starting_thread_and_starts_once(running: LocalKafka) -> None:
    assert not eventually(lambda: not running.running, seconds=0.3)
    process = running.pid
    running.start()
    assert running.pid == process


def test_a_corrupted_jar_is_refused_by_name(
    kafka: LocalKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jars.broker_jars()
    original = jars.cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(original, jars.cache_folder())
    (broker_jar,) = jars.cache_folder().rglob(f"kafka_2.13-{jars.KAFKA_VERSION}.jar")
    with broker_jar.open("ab") as file:
        file.write(b"!")
    with pytest.raises(LocalKafkaError, match=re.escape(broker_jar.name)):
        kafka.start()
    assert not kafka.running


def test_a_second_broker_on_the_same_folder_is_refused(running: LocalKafka) -> None:
    with pytest.raises(LocalKafkaError, match=rf"port {running.port} is taken.*{running.folder}"):
        LocalKafka(running.folder).start()
    assert running.running


def test_a_broker_that_ends_is_reported_with_the_end_of_the_log(kafka: LocalKafka) -> None:
    data = kafka.folder / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=another\n")
    with pytest.raises(
        LocalKafkaError, match=r"(?s)ended with exit code 1; the end of.*broker\.log:.*node id 7"
    ):
        kafka.start()
    assert not kafka.running


def test_a_folder_that_cannot_be_formatted_is_reported_with_the_end_of_the_log(kafka: LocalKafka) -> None:
    kafka.folder.mkdir()
    (kafka.folder / "data").write_text("a file where a folder should be")
    with pytest.raises(LocalKafkaError, match=r"(?s)formatting the folder ended.*broker\.log.*data"):
        kafka.start()
    assert not kafka.running


def test_an_interrupted_start_leaves_no_process(kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def interrupted(_port: int) -> str | None:
        assert kafka.pid is not None
        seen.append(kafka.pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(probe, "ready_cluster", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kafka.start()
    assert seen
    assert not is_alive(seen[0])


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on which several tests start a broker in turn; it is formatted once."""
    return tmp_path_factory.mktemp("shared")


@linux_only
@pytest.mark.nightly
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_foreground_broker_ends_with_its_parent(shared_folder: Path, ending: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "tocsin_demo.local_kafka", str(shared_folder)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert parent.stdout is not None
        port = int(parent.stdout.readline().removeprefix("127.0.0.1:"))
        assert probe.ready_cluster(port) is not None
        children = Path(f"/proc/{parent.pid}/task").glob("*/children")
        (broker,) = [int(child) for each in children for child in each.read_text().split()]
        parent.send_signal(ending)
        assert parent.wait(10) == (-signal.SIGKILL if ending == signal.SIGKILL else 0)
        assert eventually(lambda: not is_alive(broker))
    finally:
        parent.kill()
        parent.wait()
        assert parent.stdout is not None
        parent.stdout.close()
