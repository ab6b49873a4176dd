"""Administrative changes to topics: by an operator, by retention or by accident."""

import asyncio
import time
from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from confluent_kafka import IsolationLevel, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    OffsetSpec,
    ResourceType,
)
from tests.kafka.harness.workers import patience


async def create_and_see(admin: AIOKafkaAdminClient, topics: Iterable[NewTopic]) -> None:
    """Create topics and wait until the broker lists them: it says that they are created before it knows them,
    and a producer would take the first answer for the truth.
    """
    topics = list(topics)
    answer = await admin.create_topics(topics)
    assert not any(row[1] for row in answer.topic_errors), answer
    while not {topic.name for topic in topics} <= set(await admin.list_topics()):
        await asyncio.sleep(0.05)


class Operator:
    """Administers the topics of one broker. Topic names include the prefix."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def delete(self, topic: str) -> None:
        """Delete a topic and wait until the broker no longer lists it."""
        self._done(self._admin.delete_topics([topic]))
        deadline = time.monotonic() + 15 * patience()
        while topic in self._admin.list_topics(timeout=10).topics:
            assert time.monotonic() < deadline, f"{topic} still exists after 15 s"
            time.sleep(0.05)

    def set(self, topic: str, name: str, value: str) -> None:
        """Change one setting of a topic and wait until the broker, which hears of it later, shows it."""
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        self._done(self._admin.incremental_alter_configs([resource]))
        deadline = time.monotonic() + 15 * patience()
        asked = ConfigResource(ResourceType.TOPIC, topic)
        while self._admin.describe_configs([asked])[asked].result(20)[name].value != value:
            assert time.monotonic() < deadline, f"{topic} does not have {name} {value} after 15 s"
            time.sleep(0.05)

    def set_partitions(self, topic: str, total: int) -> None:
        """Increase the number of partitions to `total` and wait until the broker lists them."""
        self._done(self._admin.create_partitions([NewPartitions(topic, total)]))
        deadline = time.monotonic() + 15 * patience()
        while len(self._admin.list_topics(topic, timeout=10).topics[topic].partitions) < total:
            assert time.monotonic() < deadline, f"{topic} does not have {total} partitions after 15 s"
            time.sleep(0.05)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Delete the records below offset `before`, as retention does."""
        self._done(self._admin.delete_records([TopicPartition(topic, partition, before)]))

    def write(self, topic: str, partition: int, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Write (key, value) records to a partition."""
        producer = Producer({"bootstrap.servers": self._bootstrap, "log_level": 0})
        for key, value in records:
            producer.produce(topic, value, key, partition=partition)
        assert producer.flush(20) == 0

    def is_held_up(self, topic: str, partitions: int) -> bool:
        """Whether an open transaction keeps readers of committed records from the end of a partition."""
        numbers = range(partitions)
        return self.committed_ends(topic, numbers) != self._ends(
            topic, numbers, IsolationLevel.READ_UNCOMMITTED
        )

    def committed_ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """How far readers of committed records can read now: up to the first open transaction."""
        return self._ends(topic, partitions, IsolationLevel.READ_COMMITTED)

    def _ends(self, topic: str, partitions: Iterable[int], level: IsolationLevel) -> dict[int, int]:
        latest = {TopicPartition(topic, number): OffsetSpec.latest() for number in partitions}
        rows = self._admin.list_offsets(latest, isolation_level=level)
        return {tp.partition: row.result(20).offset for tp, row in rows.items()}

    def _done(self, futures: dict[object, object]) -> None:
        for future in futures.values():
            try:
                future.result(20)
            except KafkaException as error:
                raise AssertionError(error) from error
