"""A Faust app that runs stages, with the settings and hooks without which Faust would lose or repeat records."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, cast

import mode
import structlog
from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from streams.runtime.allocator import keep_freed_memory
from streams.runtime.batches import BatchScheduler, PassThroughSchema
from streams.runtime.connection import Connection
from streams.runtime.errors import OwnershipLost, RefusedToStart
from streams.runtime.garbage_collection import collect_regularly, leave_out_what_stays
from streams.runtime.identity import consumer_group
from streams.runtime.intake import run_intake
from streams.runtime.lag import SourceLag, source_lag
from streams.runtime.memory import MAX_FETCHED_BYTES
from streams.runtime.observer import Observer
from streams.runtime.ownership import TAKEOVERS_AT_ONCE, Ownership
from streams.runtime.partition_owner import PartitionOwner
from streams.runtime.patches.app import PromptlyStoppingApp
from streams.runtime.patches.batch_topic import BatchTopic
from streams.runtime.patches.positioned_consumer import PositionedConsumer, PositionedTransport
from streams.runtime.stage import RunnableStage, State

logger = structlog.get_logger(__name__)

# How long until the partitions of a silent worker move. With Faust's 60 s the escalations of a dead worker's
# channels would wait for a minute.
SESSION_SECONDS = 10.0

# A worker learns of a rebalance from the response to its next heartbeat, and the whole group waits for the
# last worker. With Kafka's default of 3 s, reports waited up to 3.3 s in a rolling restart; with half a
# second, up to 1.1 s. The rest is the takeover, so a shorter interval would gain nothing. A heartbeat costs
# the brokers next to nothing.
HEARTBEAT_SECONDS = 0.5

# Interval between commits of the group's offsets, which only lag tools read.
COMMIT_SECONDS = 1.0

# Maximum age of a worker's topic metadata. If a topic is missing, the leader of the group notices it again
# only when it renews its metadata; with Kafka's default of five minutes the whole fleet could stop for that
# long. One small request.
METADATA_SECONDS = 30.0


class _RunningStage(NamedTuple):
    name: str
    main_source: str
    ownership: Ownership[Any]
    observer: Observer[Any, Any]


class StageApp(PromptlyStoppingApp):
    """Runs the stages given to `add_stage`. `before_start` is awaited before anything is consumed."""

    def __init__(
        self, connection: Connection, prefix: str, before_start: Callable[[], Awaitable[None]]
    ) -> None:
        self.connection = connection
        self.prefix = prefix
        self._stages: list[_RunningStage] = []
        self._before_start = before_start
        self._takeovers = asyncio.Semaphore(TAKEOVERS_AT_ONCE)
        super().__init__(
            consumer_group(prefix),
            broker=connection.faust_broker(),
            broker_credentials=connection.faust_credentials(),
            broker_session_timeout=SESSION_SECONDS,
            broker_heartbeat_interval=HEARTBEAT_SECONDS,
            broker_commit_interval=COMMIT_SECONDS,
            broker_commit_every=None,
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=MAX_FETCHED_BYTES,
            consumer_metadata_max_age_ms=int(METADATA_SECONDS * 1000),
            ConsumerScheduler=BatchScheduler,
            Topic=BatchTopic,
            # An agent that raised must not be restarted: its state may be half changed.
            agent_supervisor=mode.CrashingSupervisor,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            web_tables_enabled=False,
            worker_redirect_stdouts=False,
            autodiscover=False,
        )
        self.transport = PositionedTransport(self.conf.broker_consumer, self)
        self.on_partitions_revoked.connect(self._unsettle, weak=False)
        self.on_rebalance_complete.connect(self._follow, weak=False)
        self.on_before_shutdown.connect(self._release, weak=False)

    def add_stage(self, stage: RunnableStage[State, Any], observer: Observer[State, Any]) -> None:
        """Define the agent that runs `stage`; `observer` is notified of what happens to its partitions."""
        sources = tuple(self.prefix + name for name in stage.sources)
        ownership: Ownership[State] = Ownership(
            sources,
            lambda partition: PartitionOwner(stage, self.connection, self.prefix, partition, observer),
            self._takeovers,
        )
        self._stages.append(_RunningStage(stage.name, sources[0], ownership, observer))
        topic = self.topic(*sources, schema=PassThroughSchema())

        async def intake(stream: Any) -> None:
            await run_intake(self, stream, ownership)

        self.agent(topic, name=f"{stage.name}-intake")(intake)

    def restored_positions(self) -> Mapping[TP, int]:
        """The next offset to fetch of every owned source partition."""
        return {tp: offset for stage in self._stages for tp, offset in stage.ownership.positions().items()}

    def lags(self) -> list[SourceLag]:
        """The lag of every owned partition of every source topic; unknown while the brokers do not answer."""
        owners = [owner for stage in self._stages for owner in stage.ownership.owners.values()]
        if not owners:
            # The consumer may not exist yet, or no longer.
            return []
        consumer = cast(PositionedConsumer, self.consumer)
        # During a rebalance a worker sends no heartbeats, and a rebalance must not restart the clock of an
        # alert on lag.
        in_touch = self.rebalancing or consumer.in_touch()
        return [
            source_lag(
                topic.removeprefix(self.prefix),
                owner.partition,
                applied,
                consumer.fetched(TP(topic, owner.partition)) if in_touch else None,
            )
            for owner in owners
            for topic, applied in owner.position.items()
        ]

    async def on_first_start(self) -> None:
        """Create no folders: Faust's are for stores on disk, and our state is in Kafka."""

    async def on_start(self) -> None:
        """Await `before_start`, then start. Raises RefusedToStart when no broker answers."""
        keep_freed_memory()
        try:
            await self._before_start()
        except KafkaConnectionError as error:
            raise RefusedToStart(
                f"no Kafka broker answers at {self.connection.bootstrap_servers}: start it, or set "
                "TOCSIN_KAFKA_BOOTSTRAP (and TOCSIN_KAFKA_SECURITY_PROTOCOL if it requires TLS)."
            ) from error
        await super().on_start()
        self.add_future(collect_regularly())

    async def _unsettle(self, *_: Any, **__: Any) -> None:
        for stage in self._stages:
            await stage.ownership.unsettle()

    async def _follow(self, *_: Any, **__: Any) -> None:
        assigned, generation = self.consumer.assignment(), self.consumer_generation_id
        rebalances = self.rebalancing_count
        try:
            # Concurrently: nothing is applied until the last stage has taken over.
            async with asyncio.TaskGroup() as tasks:
                following = {
                    stage.name: tasks.create_task(stage.ownership.follow(assigned, generation))
                    for stage in self._stages
                }
        except BaseExceptionGroup as group:
            # The log is clearer with the first error alone.
            raise group.exceptions[0] from None
        cancelled = [name for name, task in following.items() if task.cancelled()]
        if cancelled:
            # Not by our code. Faust does not take it for an error, so the worker would keep partitions that
            # it never takes over.
            raise OwnershipLost(f"the takeover of {', '.join(cancelled)} was cancelled before it ended")
        leave_out_what_stays()
        owned = ", ".join(f"{sorted(stage.ownership.owners)} of {stage.name}" for stage in self._stages)
        took_over = {name: task.result() for name, task in following.items()}
        logger.info("owns partitions %s", owned, generation=generation, took_over=took_over)
        if self.rebalancing_count == rebalances:
            # Otherwise the next rebalance began while the state was restored.
            for stage in self._stages:
                stage.observer.rebalanced(
                    cast(PositionedConsumer, self.consumer).partitions(stage.main_source)
                )

    async def _release(self, *_: Any, **__: Any) -> None:
        for stage in self._stages:
            await stage.ownership.release_all()
