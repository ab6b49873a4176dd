"""Who is in a consumer group."""

from collections.abc import Collection

from aiokafka.errors import NoError, for_code

from streams.running.log.connection import Connection
from streams.running.topics.topic_admin import ask


async def members(connection: Connection, group: str) -> Collection[str]:
    """The ids of the members that the brokers count as alive. Raises KafkaError."""
    answers = await ask(connection, lambda admin: admin.describe_consumer_groups([group]))
    found: set[str] = set()
    for answer in answers:
        for described in answer.to_object()["groups"]:
            # Without the right to describe it a group looks like one without members.
            if (error := for_code(described["error_code"])) is not NoError:
                raise error(group)
            found.update(member["member_id"] for member in described["members"])
    return found
