"""A member of a consumer group that copes with brokers that are away for a while."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from aiokafka import errors as kafka_errors
from aiokafka.consumer import consumer, group_coordinator
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.group import LeaveGroupRequest

from streams.running.takeover.membership import LONGEST_SESSION_SECONDS, SESSION_SECONDS

logger = structlog.get_logger(__name__)

# A leader that has not assigned the partitions by the end of its session is removed from the group.
TOPICS_SECONDS = SESSION_SECONDS / 2
# A broker that has just started learns of the topics within a second.
_POLL_SECONDS = 0.1

# A third connection to the coordinator, besides aiokafka's for fetching (0) and for the group (1).
_COMMITS = 2


class GroupMember(group_coordinator.GroupCoordinator):  # type: ignore[misc]
    """Records when a broker last answered, and as leader waits for missing topics before assigning.

    `answered_at` (`time.monotonic`) is when the member joined or a heartbeat was last answered. A member that
    gets no answers may have lost its partitions long ago. `when_refused` is called with the error if it could
    not join.
    """

    answered_at = float("-inf")
    _session_timeout_ms: int
    when_refused: Callable[[kafka_errors.KafkaError], None] | None = None

    def _start_heartbeat_task(self) -> None:
        # The member has just joined. It sent no heartbeats while it waited for the others to join.
        self.answered_at = time.monotonic()
        super()._start_heartbeat_task()

    async def _do_heartbeat(self) -> bool:
        answered: bool = await super()._do_heartbeat()
        if answered:
            self.answered_at = time.monotonic()
        return answered

    async def is_current(self, generation: int) -> bool:
        """Ask the group whether this is still its generation, and this worker a member."""
        current: bool = self.generation == generation and await self._do_heartbeat()
        return current

    async def ensure_active_group(self, subscription: Any, prev_assignment: Any) -> Any:
        """Join the group."""
        try:
            return await self.join_with_session(subscription, prev_assignment)
        except kafka_errors.KafkaError as error:
            # aiokafka keeps it for the next fetch, but before an assignment nobody fetches.
            if self.when_refused is not None:
                self.when_refused(error)
            raise

    async def join_with_session(self, subscription: Any, prev_assignment: Any) -> Any:
        """Join with the shortest session that the brokers allow, of the two that workers have."""
        try:
            return await super().ensure_active_group(subscription, prev_assignment)
        except kafka_errors.InvalidSessionTimeoutError:
            longest = int(LONGEST_SESSION_SECONDS * 1000)
            if self._session_timeout_ms >= longest:
                raise
            logger.info(
                "the brokers allow no shorter session than their default: a worker that is killed is missed "
                "for longer (docs/operations.md, 'When a worker is missed')",
                seconds=LONGEST_SESSION_SECONDS,
            )
            self._session_timeout_ms = longest
            return await super().ensure_active_group(subscription, prev_assignment)

    async def _send_req(self, request: Any) -> Any:
        """Send a request to the coordinator.

        A commit of offsets has a connection of its own: a broker answers the requests of a connection one
        after the other, and may take five seconds to replicate the offsets. No heartbeat must wait that long.
        """
        if not isinstance(request, OffsetCommitRequest) or self.coordinator_id is None:
            return await super()._send_req(request)
        try:
            return await self._client.send(self.coordinator_id, request, group=_COMMITS)
        except kafka_errors.KafkaError:
            self.coordinator_dead()
            raise

    async def _maybe_leave_group(self) -> None:
        """Leave the group at once, also as a static member.

        aiokafka lets a static member go without a word, so that it may come back within its session. The
        others would wait for it until then; a worker that is stopped in good order is missed for less time if
        its partitions move.
        """
        if self._group_instance_id is not None and self.generation > 0:
            try:
                await self._send_req(LeaveGroupRequest(self.group_id, self.member_id))
            except kafka_errors.KafkaError as error:
                logger.warning("left the consumer group without a word", error=repr(error))
        await super()._maybe_leave_group()

    async def _perform_assignment(self, response: Any) -> Any:
        """Assign the group's partitions, as its leader.

        A leader that requested metadata while the brokers were away would know no topic, and would leave
        every worker without partitions until its metadata is renewed. So a leader that has just started
        requests metadata again until all topics are known, for TOPICS_SECONDS. Topics still missing then get
        no owner, and a worker that finds partitions missing reports it.
        """
        # A member that has already been in the group knew these topics, so a missing one was deleted and must
        # not be waited for: it may be recreated as another log, and its owners have to notice.
        has_just_started = self.answered_at == float("-inf")
        deadline = time.monotonic() + (TOPICS_SECONDS if has_just_started else 0.0)
        while True:
            shares = await super()._perform_assignment(response)
            unknown = sorted(topic for topic, partitions in self._metadata_snapshot.items() if not partitions)
            if not unknown:
                return shares
            if time.monotonic() >= deadline:
                logger.error(
                    "topics unknown to the brokers: their partitions are not assigned. Run `tocsin topics "
                    "check`",
                    topics=unknown,
                )
                return shares
            await self._client.force_metadata_update()
            await asyncio.sleep(_POLL_SECONDS)


def install_group_member() -> None:
    """Make every aiokafka consumer of this process join groups as a GroupMember."""
    consumer.GroupCoordinator = GroupMember
