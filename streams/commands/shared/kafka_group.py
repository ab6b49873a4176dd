"""The consumer group of the workers, as a broker knows it."""

import click
from aiokafka.errors import GroupCoordinatorNotAvailableError

from streams.running.log.connection import Connection
from streams.running.takeover.membership import LONGEST_SESSION_SECONDS
from streams.running.topics.topic_admin import admin_client


async def workers_in_group(connection: Connection, group: str) -> int:
    """The number of workers in a group. A killed worker stays in it for LONGEST_SESSION_SECONDS."""
    async with admin_client(connection) as admin:
        try:
            (response,) = await admin.describe_consumer_groups([group])
        except GroupCoordinatorNotAvailableError:
            # These brokers have never had a consumer group.
            return 0
    return sum(len(row[5]) for row in response.groups)


async def require_no_workers(connection: Connection, group: str) -> None:
    """Raise ClickException while workers are in the group."""
    number = await workers_in_group(connection, group)
    if number:
        workers = "1 worker is" if number == 1 else f"{number} workers are"
        raise click.ClickException(
            f"{workers} in group {group}: stop all of them first. A killed worker stays in the "
            f"group for {LONGEST_SESSION_SECONDS:.0f} seconds."
        )
