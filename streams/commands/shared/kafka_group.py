"""The consumer group of the workers, as a broker knows it."""

from aiokafka.errors import GroupCoordinatorNotAvailableError

from streams.runtime.connection import Connection
from streams.runtime.topic_admin import admin_client


async def workers_in_group(connection: Connection, group: str) -> int:
    """The number of workers in a group. A killed worker stays in it for 10 seconds."""
    async with admin_client(connection) as admin:
        try:
            (response,) = await admin.describe_consumer_groups([group])
        except GroupCoordinatorNotAvailableError:
            # These brokers have never had a consumer group.
            return 0
    return sum(len(row[5]) for row in response.groups)
