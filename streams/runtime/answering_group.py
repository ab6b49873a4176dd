"""When the group's coordinator answered last: whoever hears nothing from it may have lost his partitions long ago."""

import time

from aiokafka.consumer import consumer, group_coordinator


class AnsweringGroup(group_coordinator.GroupCoordinator):  # type: ignore[misc]
    """aiokafka's part of a group, that remembers when it joined or when a heartbeat was answered (`time.monotonic`)."""

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


def remember_answers() -> None:
    """Let every aiokafka consumer of this process that joins a group do so."""
    consumer.GroupCoordinator = AnsweringGroup
