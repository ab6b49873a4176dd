"""What every Log promises, on a broker: see tests/model/test_log.py."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.records_to_delete import RecordsToDelete

from streams.contract.wire.topics import CLAIMS
from streams.running.log.connection import Connection
from streams.running.log.log import Producer
from streams.running.topics.topic_admin import admin_client
from tests.kafka.harness.admin import create_and_see
from tests.model.test_log import *  # the same tests
from tests.model.test_log import SHORT_SECONDS, Cluster

QUICKLY_COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "0",
}


class OnKafka(Cluster):
    """Topics with a prefix of their own."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.log = Connection(bootstrap)
        self._prefix = prefix

    def tp(self, topic: str) -> TopicPartition:
        """A topic with the prefix."""
        return TopicPartition(self._prefix + topic, 0)

    def run(self, scenario) -> None:
        """Create the topics first."""

        async def whole() -> None:
            async with admin_client(self.log) as admin:
                await self._create(admin)
            await asyncio.wait_for(scenario, 60)

        asyncio.run(whole())

    async def _create(self, admin: AIOKafkaAdminClient) -> None:
        configs = {"a": {}, "b": {}, "compacted": QUICKLY_COMPACTED, CLAIMS: {}}
        times = {"message.timestamp.type": "LogAppendTime"}
        await create_and_see(
            admin,
            [
                NewTopic(self._prefix + name, 1, 1, topic_configs=config | times)
                for name, config in configs.items()
            ],
        )

    async def compact(self, tp: TopicPartition) -> None:
        """The cleaner looks for work every fifteen seconds, and leaves the newest segment alone."""
        producer = self.log.producer(tp.topic + "-filler")
        await producer.start()
        async with self.log.reader() as reader:
            reader.assign([tp])
            while True:
                await producer.begin_transaction()
                await producer.append(*tp, [(b"k", b"v4", [])], 0)
                await producer.commit_transaction()
                reader.seek(tp, 0)
                if (found := await reader.getmany(tp, timeout_ms=1_000, max_records=1)) and found[tp][
                    0
                ].offset:
                    break
        await producer.stop()

    async def delete_records(self, tp: TopicPartition, before: int) -> None:
        """As retention does."""
        async with admin_client(self.log) as admin:
            await admin.delete_records({tp: RecordsToDelete(before_offset=before)})

    def short_producer(self, transactional_id: str) -> Producer:
        """The coordinator looks for those that are overdue every ten seconds."""
        producer = self.log.producer(transactional_id)
        producer._txn_manager.transaction_timeout_ms = int(SHORT_SECONDS * 1000)
        return producer


@pytest.fixture
def cluster(kafka: str, prefix: str) -> Cluster:
    return OnKafka(kafka, prefix)
