"""Administers the consumer group of a deployment."""

import asyncio
from contextlib import suppress

from aiokafka.errors import KafkaConnectionError, NodeNotReadyError
from aiokafka.protocol.group import LeaveGroupRequest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.running.log.connection import Connection
from streams.running.topics.topic_admin import admin_client
from tests.kafka.harness.workers import patience

_ANSWERED_SECONDS = 20


def evict_everybody(bootstrap: str, group: str) -> int:
    """Remove every member now instead of when its session expires. Returns how many there were.

    For workers that are already dead: their successor then need not wait for that. It is also the harder
    case, because a transaction that the dead worker left open is still open when the successor takes over.
    """

    async def evict() -> int:
        async with admin_client(Connection(bootstrap)) as admin:
            (answer,) = await admin.describe_consumer_groups([group])
            members = [member[0] for described in answer.groups for member in described[5]]
            coordinator = await admin.find_coordinator(group)
            for member in members:
                await admin._send_request_to_node(coordinator, LeaveGroupRequest(group, member))
            return len(members)

    async def insist() -> int:
        async with asyncio.timeout(_ANSWERED_SECONDS * patience()):
            while True:
                # Any broker is asked, also one that is away.
                with suppress(NodeNotReadyError, KafkaConnectionError):
                    return await evict()
                await asyncio.sleep(0.1)

    return asyncio.run(insist())


def delete_group(bootstrap: str, group: str) -> None:
    """Delete a group without members: the next one of this name counts its generations from 1."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    for deleted in admin.delete_consumer_groups([group]).values():
        deleted.result(20)


def is_rebalancing(bootstrap: str, group: str) -> bool:
    """Whether the group is waiting for members to rejoin, for example for a paused worker."""

    async def ask() -> bool:
        async with admin_client(Connection(bootstrap)) as admin:
            (answer,) = await admin.describe_consumer_groups([group])
            return any(described[2] == "PreparingRebalance" for described in answer.groups)

    return asyncio.run(ask())


def move_offsets(bootstrap: str, group: str, topic: str, offsets: dict[int, int]) -> None:
    """Change the committed offsets of a group without members, as an admin tool does."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "log_level": 0}
    )
    try:
        consumer.commit(
            offsets=[TopicPartition(topic, partition, offset) for partition, offset in offsets.items()],
            asynchronous=False,
        )
    finally:
        consumer.close()
