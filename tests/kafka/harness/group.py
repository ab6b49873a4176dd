"""The consumer group of a deployment, as an admin sees it."""

import asyncio

from aiokafka.protocol.group import LeaveGroupRequest
from confluent_kafka import Consumer, TopicPartition

from streams.runtime.connection import Connection
from streams.runtime.topics import admin_client


def evict_everybody(bootstrap: str, group: str) -> int:
    """End every membership now instead of when its session expires; gives how many there were.

    For workers that are dead already: their successor need not wait ten seconds then. It is the harsher case too, as
    what the dead worker left open in a transaction is still open when the successor takes over.
    """

    async def evict() -> int:
        async with admin_client(Connection(bootstrap)) as admin:
            (answer,) = await admin.describe_consumer_groups([group])
            members = [member[0] for described in answer.groups for member in described[5]]
            coordinator = await admin.find_coordinator(group)
            for member in members:
                await admin._send_request_to_node(coordinator, LeaveGroupRequest(group, member))
            return len(members)

    return asyncio.run(evict())


def is_rebalancing(bootstrap: str, group: str) -> bool:
    """Whether the group waits for members to join, as it does for one that was paused."""

    async def ask() -> bool:
        async with admin_client(Connection(bootstrap)) as admin:
            (answer,) = await admin.describe_consumer_groups([group])
            return any(described[2] == "PreparingRebalance" for described in answer.groups)

    return asyncio.run(ask())


def move_offsets(bootstrap: str, group: str, topic: str, offsets: dict[int, int]) -> None:
    """Commit other offsets for a group without members, as an admin's tool does."""
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
