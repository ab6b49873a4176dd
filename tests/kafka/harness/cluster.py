"""Kafka as it is run in earnest: several brokers, each record on all of them, and a controller beside."""

import asyncio
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from aiokafka.admin import NewTopic
from aiokafka.client import CoordinationType
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.running.log.connection import Connection
from streams.running.topics.topic_admin import admin_client
from streams.running.topics.topic_catalogue import Catalogue
from tests.kafka.harness.admin import create_and_see
from tests.kafka.harness.workers import patience
from tocsin_demo.local_kafka import jars, java, probe, properties
from tocsin_demo.local_kafka.program import Program

BROKERS = 3
IN_SYNC = 2
_CONTROLLER_ID = 100
_START_SECONDS = 60

# How long the controller waits for a broker that says nothing before it gives its partitions to others. A
# broker that is shut down tells it, and one that was killed closes its connections: this is for one that is
# stuck.
_SESSION_MS = 3_000


class KafkaCluster:
    """A controller and some brokers on loopback, in a folder. As a context manager it starts and ends them
    all.

    With one replica, Kafka's own topics are on the first broker, and other topics where `place` puts them.
    """

    def __init__(self, folder: Path, brokers: int = BROKERS, replicas: int = BROKERS) -> None:
        self._folder = folder
        self._replicas = replicas
        self._jars = jars.broker_jars()
        self._cluster_id = uuid.uuid4().hex
        ports: set[int] = set()
        while len(ports) < 1 + brokers:
            ports.add(probe.free_port())
        self._controller_port = ports.pop()
        self._ports = dict(enumerate(sorted(ports), start=1))
        self._running: dict[int, Program] = {}

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers."""
        return ",".join(f"{properties.LOOPBACK}:{port}" for port in self._ports.values())

    @property
    def settings(self) -> dict[str, str]:
        """What a deployment must be told to have its records on all brokers."""
        return {
            "TOCSIN_REPLICATION_FACTOR": str(BROKERS),
            "TOCSIN_MIN_INSYNC_REPLICAS": str(IN_SYNC),
        }

    def start(self, number: int) -> None:
        """Start a broker and return when it serves clients."""
        broker = self._run(number)
        broker.wait_until(lambda: probe.ready_cluster(self._ports[number]) == self._cluster_id)

    def stop(self, number: int) -> None:
        """Shut a broker down: it hands its partitions over first."""
        self._running.pop(number).stop(20)

    def kill(self, number: int) -> None:
        """SIGKILL a broker."""
        self._running.pop(number).kill()

    def mend(self) -> None:
        """Start the brokers that are away, if any, and return when every partition is on all brokers again."""
        away = self._ports.keys() - self._running.keys()
        for number in away:
            self.start(number)
        if away:
            self.wait_until_in_sync()

    def pid(self, number: int) -> int:
        """The process of a broker."""
        return self._running[number].pid

    def leaders(self, topic: str) -> dict[int, int]:
        """The broker that leads each partition of a topic."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        partitions = admin.list_topics(topic, timeout=20).topics[topic].partitions
        return {number: partition.leader for number, partition in partitions.items()}

    def coordinator_of(self, transactional_id: str) -> int:
        """The broker that leads the partition of `__transaction_state` with this id."""

        async def ask() -> int:
            async with admin_client(Connection(self.bootstrap)) as admin:
                node: int = await admin._client.coordinator_lookup(
                    CoordinationType.TRANSACTION, transactional_id
                )
                return node

        return asyncio.run(ask())

    def wait_until_in_sync(self, seconds: float = 60) -> None:
        """Return when every partition is on all brokers again, as an operator waits before he takes the next
        one.
        """
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        began = time.monotonic()
        while True:
            topics = admin.list_topics(timeout=20).topics.values()
            behind = [
                (topic.topic, partition.id)
                for topic in topics
                for partition in topic.partitions.values()
                if len(partition.isrs) < BROKERS
            ]
            if topics and not behind:
                return
            waited = time.monotonic() - began
            assert waited < seconds * patience(), f"not in sync after {waited:.0f} s: {behind}"
            time.sleep(0.1)

    def __enter__(self) -> Self:
        try:
            self._format(_CONTROLLER_ID, self._controller_properties(), "--standalone")
            controller = self._run(_CONTROLLER_ID)
            controller.wait_until(lambda: controller.logged("Performing controller activation"))
            for number in self._ports:
                self._format(number, self._broker_properties(number), "--no-initial-controllers")
                self.start(number)
                if self._replicas == number == 1:
                    self._make_topics_of_kafka()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def place(self, catalogue: Catalogue, prefix: str, partitions: int, away: tuple[str, int]) -> None:
        """Create the topics of a deployment on the first broker, but one partition on the second."""
        topics = []
        for topic in catalogue.values():
            number = partitions if topic.partitions == "source" else topic.partitions
            replicas = {n: [2 if (topic.name, n) == away else 1] for n in range(number)}
            settings = topic.settings(1)
            topics.append(
                NewTopic(prefix + topic.name, -1, -1, replica_assignments=replicas, topic_configs=settings)
            )

        async def create() -> None:
            async with admin_client(Connection(self.bootstrap)) as admin:
                await create_and_see(admin, topics)

        asyncio.run(create())

    def _make_topics_of_kafka(self) -> None:
        first = {"bootstrap.servers": self.bootstrap, "log_level": 0}
        Producer({**first, "transactional.id": "first"}).init_transactions(30)
        consumer = Consumer({**first, "group.id": "first"})
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                consumer.committed([TopicPartition("none", 0)], timeout=30)
                break
            except KafkaException:
                # The coordinator has just been found.
                assert time.monotonic() < deadline
                time.sleep(0.1)
        consumer.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number in list(self._running):
            self.kill(number)

    def _home(self, number: int) -> Path:
        return self._folder / f"node-{number}"

    def _run(self, number: int) -> Program:
        node = self._program(number, "kafka.Kafka", str(self._home(number) / "server.properties"))
        self._running[number] = node
        return node

    def _program(self, number: int, main: str, *arguments: str) -> Program:
        home = self._home(number)
        return Program(
            f"node {number}",
            java.command(self._jars, home, main, *arguments),
            folder=home,
            log=home / "node.log",
            deadline=time.monotonic() + _START_SECONDS,
        )

    def _format(self, number: int, text: str, quorum: str) -> None:
        home = self._home(number)
        home.mkdir(parents=True)
        (home / "server.properties").write_text(text)
        tool = ("kafka.tools.StorageTool", "format", quorum, "--cluster-id", self._cluster_id)
        self._program(number, *tool, "--config", str(home / "server.properties")).wait_for_success()

    def _controller_properties(self) -> str:
        alone = properties.render_controller(
            data=self._home(_CONTROLLER_ID) / "data", controller_port=self._controller_port
        )
        return alone + f"node.id={_CONTROLLER_ID}\nbroker.session.timeout.ms={_SESSION_MS}\n"

    def _broker_properties(self, number: int) -> str:
        port = self._ports[number]
        text = properties.render(
            data=self._home(number) / "data", port=port, controller_port=self._controller_port
        )
        # Of a setting that is given twice the last one counts.
        return text + "".join(
            f"{name}={value}\n"
            for name, value in {
                "node.id": number,
                "process.roles": "broker",
                "listeners": f"PLAINTEXT://{properties.LOOPBACK}:{port}",
                "offsets.topic.replication.factor": self._replicas,
                "transaction.state.log.replication.factor": self._replicas,
                "transaction.state.log.min.isr": min(IN_SYNC, self._replicas),
                "default.replication.factor": self._replicas,
            }.items()
        )
