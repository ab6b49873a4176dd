"""Who is in a consumer group."""

from collections.abc import Collection

from streams.running.log.connection import Connection
from streams.running.topics.topic_admin import ask


async def members(connection: Connection, group: str) -> Collection[str]:
    """The ids of the members that the brokers count as alive. Raises KafkaError."""
    answers = await ask(connection, lambda admin: admin.describe_consumer_groups([group]))
    return {
        member["member_id"]
        for answer in answers
        for described in answer.to_object()["groups"]
        for member in described["members"]
    }
