"""aiokafka's part of a consumer group, made fit for brokers that are away for a while."""

import asyncio
import time
from typing import Any

import structlog
from aiokafka.consumer import consumer, group_coordinator

logger = structlog.get_logger(__name__)

# Half of a session: a leader who has not shared the partitions out by the end of his is put out of the group.
TOPICS_SECONDS = 5.0
# A broker that has just started learns of the topics within a second.
_POLL_SECONDS = 0.1


class GroupMember(group_coordinator.GroupCoordinator):  # type: ignore[misc]
    """Remembers when it was answered last, and shares out partitions only of topics that it knows.

    Whoever hears nothing may have lost his partitions long ago: `answered_at` (`time.monotonic`) is when it joined, or
    when a heartbeat was answered.
    """

    answered_at = float("-inf")

    def _start_heartbeat_task(self) -> None:
        # It has just joined, and before that there were no heartbeats for as long as the others took.
        self.answered_at = time.monotonic()
        super()._start_heartbeat_task()

    async def _do_heartbeat(self) -> bool:
        answered: bool = await super()._do_heartbeat()
        if answered:
            self.answered_at = time.monotonic()
        return answered

    async def _perform_assignment(self, response: Any) -> Any:
        """Share out the partitions of the group, as its leader.

        A leader that asked for metadata while the brokers were away would know no topic, and leave every worker without
        partitions until its metadata is renewed. So one that has just started asks before; of a topic that no broker
        shows even then nothing is shared out, and whoever misses its partitions says so.
        """
        # Who has been in the group before knew them: what is gone then was deleted, and must not be waited for. It may
        # come back as another log, and its owners have to notice.
        has_just_started = self.answered_at == float("-inf")
        deadline = time.monotonic() + (TOPICS_SECONDS if has_just_started else 0.0)
        while True:
            shares = await super()._perform_assignment(response)
            unknown = sorted(topic for topic, partitions in self._metadata_snapshot.items() if not partitions)
            if not unknown:
                return shares
            if time.monotonic() >= deadline:
                logger.error(
                    "topics that no broker shows: their partitions are not shared out. See `tocsin topics check`",
                    topics=unknown,
                )
                return shares
            await self._client.force_metadata_update()
            await asyncio.sleep(_POLL_SECONDS)


def join_groups_so() -> None:
    """Let every aiokafka consumer of this process that joins a group be such a member."""
    consumer.GroupCoordinator = GroupMember
