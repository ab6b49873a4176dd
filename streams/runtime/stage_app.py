"""A Faust app that runs stages: the settings and hooks without which Faust would lose or repeat records."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, cast

import faust
import mode
import structlog
from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from streams.runtime.allocator import keep_freed_memory
from streams.runtime.batches import BatchScheduler, BatchTopic, PassThroughSchema
from streams.runtime.connection import Connection
from streams.runtime.errors import OwnershipLost, RefusedToStart
from streams.runtime.garbage import collect_regularly, leave_out_what_stays
from streams.runtime.intake import run_intake
from streams.runtime.lag import SourceLag, source_lag
from streams.runtime.observer import Observer
from streams.runtime.ownership import Ownership
from streams.runtime.partition_owner import PartitionOwner
from streams.runtime.patches.faust_consumer import PositionedConsumer, PositionedTransport
from streams.runtime.stage import Stage, State

logger = structlog.get_logger(__name__)

# Seconds until a silent worker's partitions move; Faust's 60 would hold every escalation of a dead worker back for a
# minute.
SESSION_SECONDS = 10.0

# A worker hears of a rebalance in the answer to its next heartbeat, and the whole group waits for the last one to hear.
# With Kafka's usual 3 s the reports of a rolling restart waited for up to 3.3 s, with half a second for 1.1; below that,
# what is left is the takeover. A heartbeat costs the brokers next to nothing.
HEARTBEAT_SECONDS = 0.5

# Seconds between commits of the group's offsets, which only lag tools read.
COMMIT_SECONDS = 1.0

# How old what a worker knows of the topics may become. A leader of the group that misses one looks again only then, and
# with Kafka's usual five minutes the whole fleet would stand still for as long. It is one small request.
METADATA_SECONDS = 30.0

# How long a worker that was told to stop may go on with its cycle. One takes a second at most; a transaction that no
# broker answers is given up after 20, and what is left of it then is the next owner's to abort.
FINISHING_SECONDS = 8.0

# Bytes a fetch may bring of one partition: about 5,000 reports, a quarter of a cycle.
FETCH_BYTES = 4 * 1024 * 1024


class _RunningStage(NamedTuple):
    name: str
    main_source: str
    ownership: Ownership[Any]
    observer: Observer[Any, Any]


class StageApp(faust.App):
    """Runs the stages given to `add_stage`. `before_start` is awaited before anything is consumed."""

    def __init__(
        self, app_id: str, connection: Connection, prefix: str, before_start: Callable[[], Awaitable[None]]
    ) -> None:
        self.connection = connection
        self.prefix = prefix
        self._stages: list[_RunningStage] = []
        self._before_start = before_start
        super().__init__(
            prefix + app_id,
            broker=connection.faust_broker(),
            broker_credentials=connection.faust_credentials(),
            broker_session_timeout=SESSION_SECONDS,
            broker_heartbeat_interval=HEARTBEAT_SECONDS,
            broker_commit_interval=COMMIT_SECONDS,
            broker_commit_every=None,
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=FETCH_BYTES,
            consumer_metadata_max_age_ms=int(METADATA_SECONDS * 1000),
            ConsumerScheduler=BatchScheduler,
            Topic=BatchTopic,
            # An agent that raised must not be restarted behind the back of its state.
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

    def add_stage(self, stage: Stage[State, Any], observer: Observer[State, Any]) -> None:
        """Define the agent that runs `stage`; `observer` sees what happens to its partitions."""
        sources = tuple(self.prefix + name for name in stage.sources)
        ownership: Ownership[State] = Ownership(
            sources,
            lambda partition: PartitionOwner(
                stage, self.connection, self.prefix, self.conf.id, partition, observer
            ),
        )
        self._stages.append(_RunningStage(stage.name, sources[0], ownership, observer))
        topic = self.topic(*sources, schema=PassThroughSchema())

        async def intake(stream: Any) -> None:
            await run_intake(self, stream, ownership)

        self.agent(topic, name=f"{stage.name}-intake")(intake)

    def restored_positions(self) -> Mapping[TP, int]:
        """Where fetching of every owned source partition goes on."""
        return {tp: offset for stage in self._stages for tp, offset in stage.ownership.positions().items()}

    def lags(self) -> list[SourceLag]:
        """The lag of every owned partition of every source topic; nobody knows it while the brokers do not answer."""
        owners = [owner for stage in self._stages for owner in stage.ownership.owners.values()]
        if not owners:
            # The consumer may not be there yet, or not any more.
            return []
        consumer = cast(PositionedConsumer, self.consumer)
        # Whoever joins sends no heartbeats, and an alert on a lag must not begin anew with every rebalance.
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
        """Make no folders: Faust's are for stores on disk, and our state is in Kafka."""

    async def on_start(self) -> None:
        """Check the surroundings, then start."""
        keep_freed_memory()
        try:
            await self._before_start()
        except KafkaConnectionError as error:
            raise RefusedToStart(
                f"no Kafka broker answers at {self.connection.bootstrap_servers}: start it, or set "
                "TOCSIN_KAFKA_BOOTSTRAP (and TOCSIN_KAFKA_SECURITY_PROTOCOL if it wants TLS)."
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
            # At the same time: nothing is applied until the last of them is done.
            async with asyncio.TaskGroup() as tasks:
                following = {
                    stage.name: tasks.create_task(stage.ownership.follow(assigned, generation))
                    for stage in self._stages
                }
        except BaseExceptionGroup as group:
            # One reason is enough for whoever reads the log.
            raise group.exceptions[0] from None
        cut_off = [name for name, task in following.items() if task.cancelled()]
        if cut_off:
            # By nobody of ours, and to Faust no error: it would be assigned partitions for ever and take over none.
            raise OwnershipLost(f"a takeover of {', '.join(cut_off)} was cut off")
        leave_out_what_stays()
        owned = ", ".join(f"{sorted(stage.ownership.owners)} of {stage.name}" for stage in self._stages)
        took_over = {name: task.result() for name, task in following.items()}
        logger.info("owns partitions %s", owned, generation=generation, took_over=took_over)
        if self.rebalancing_count == rebalances:
            # Else the next rebalance began while we restored, and is under way.
            for stage in self._stages:
                stage.observer.rebalanced(
                    cast(PositionedConsumer, self.consumer).partitions(stage.main_source)
                )

    async def _consumer_wait_empty(self, consumer: Any, logger: Any) -> None:
        if not self.should_stop:
            # In a rebalance; the cycle under way has to end before anybody else may own its partitions.
            await super()._consumer_wait_empty(consumer, logger)
            return
        waiting = asyncio.ensure_future(super()._consumer_wait_empty(consumer, logger))
        # Not a timeout: Faust takes a cancellation of its wait for that of another's.
        await asyncio.wait([waiting], timeout=FINISHING_SECONDS)
        if waiting.done():
            waiting.result()
        else:
            waiting.cancel()
            logger.warning("stopped in the middle of a cycle: the brokers do not answer")

    async def _release(self, *_: Any, **__: Any) -> None:
        for stage in self._stages:
            await stage.ownership.release_all()
