"""A Faust app that runs stages, with the hooks without which Faust would lose or repeat records."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, cast

import structlog
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError, RequestTimedOutError
from faust.types import TP

from streams.running.alignment.alignment import Alignment
from streams.running.app.allocator import keep_freed_memory
from streams.running.app.faust_settings import faust_settings
from streams.running.app.garbage_collection import GarbageCollection
from streams.running.app.intake import run_intake
from streams.running.cycle.batches import PassThroughSchema
from streams.running.cycle.chores import HasRoom, RulesWanted, do_chores
from streams.running.cycle.cycle import Cycle
from streams.running.cycle.lag import SourceLag, source_lag
from streams.running.cycle.set_aside import keep_trying
from streams.running.cycle.side_by_side import hear_others, keep_aligned
from streams.running.errors import OwnershipLost, RefusedToStart
from streams.running.identity import consumer_group
from streams.running.log.connection import Connection
from streams.running.log.writer import Writer
from streams.running.partitions.observer import Observer
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.partitions.stage import RunnableStage, State
from streams.running.patches.app import PromptlyStoppingApp
from streams.running.patches.batch_topic import waiting_of
from streams.running.patches.install import install_patches
from streams.running.patches.positioned_consumer import PositionedConsumer, PositionedTransport
from streams.running.takeover.ownership import OwnedStage, Ownership

logger = structlog.get_logger(__name__)


class _RunningStage(NamedTuple):
    name: str
    main_source: str
    observer: Observer[Any, Any]
    relays: bool = False


class StageApp(PromptlyStoppingApp):
    """Runs the stages given to `add_stage`. `before_start` is awaited before anything is consumed.

    `instance` is a name that no other live process has, or empty.
    """

    def __init__(
        self, connection: Connection, prefix: str, before_start: Callable[[], Awaitable[None]], instance: str
    ) -> None:
        install_patches()
        self.connection = connection
        self.prefix = prefix
        self._stages: list[_RunningStage] = []
        self._before_start = before_start
        self._garbage = GarbageCollection()
        self._owned: dict[str, OwnedStage] = {}
        self.writer = Writer(connection, prefix, instance)
        self.ownership = Ownership(connection, self.writer, self._owned)
        self.has_room: HasRoom = lambda: None
        self.rules_wanted: RulesWanted = lambda: None
        self.alignment = Alignment(lambda: self.consumer, lambda: self.ownership.owners, self.writer)
        self.cycle = Cycle(self, self.ownership, self.writer, self.alignment)
        super().__init__(consumer_group(prefix), **faust_settings(connection, instance))
        self.transport = PositionedTransport(self.conf.broker_consumer, self)
        self.on_partitions_revoked.connect(self._give_up, weak=False)
        self.on_rebalance_complete.connect(self._follow, weak=False)
        self.on_before_shutdown.connect(self._end, weak=False)

    def add_stage(self, stage: RunnableStage[State, Any], observer: Observer[State, Any]) -> None:
        """Define the agent that runs `stage`; `observer` is notified of what happens to its partitions."""
        sources = tuple(self.prefix + name for name in stage.sources)
        self._owned[stage.name] = OwnedStage(
            sources,
            lambda partition: PartitionOwner(stage, self.connection, self.writer, partition, observer),
        )
        self._stages.append(_RunningStage(stage.name, sources[0], observer, stage.relays))
        is_first = len(self._stages) == 1
        topic = self.topic(*sources, schema=PassThroughSchema())

        async def intake(stream: Any) -> None:
            await run_intake(stream, stage.name, self.cycle, self._work if is_first else None)

        self.agent(topic, name=f"{stage.name}-intake")(intake)

    def restored_positions(self) -> Mapping[TP, int | None]:
        """The next offset to fetch of every owned source partition; None while it cannot be read."""
        return self.ownership.positions()

    def has_queued(self) -> bool:
        """Whether the agents have something to hand over."""
        return waiting_of(self).has_queued()

    def lags(self) -> list[SourceLag]:
        """The lag of every owned partition of every source topic; unknown while the brokers do not answer."""
        owners = list(self.ownership.known_owners())
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
                owner.place.partition,
                applied,
                consumer.fetched(TP(topic, owner.place.partition)) if in_touch else None,
                rests=owner.rests(topic) or self.alignment.holds(TP(topic, owner.place.partition)),
            )
            for owner in owners
            for topic, applied in owner.committed_position.items()
        ]

    def troubles(self) -> list[tuple[str, str, str]]:
        """The destinations that take no records: topic without prefix, partition, reason."""
        return [
            (topic.removeprefix(self.prefix), str(partition), trouble.reason)
            for trouble, _ in self.writer.troubles.all()
            for topic, partition in [trouble.destination]
        ]

    async def on_first_start(self) -> None:
        """Create no folders: Faust's are for stores on disk, and our state is in Kafka."""

    async def on_start(self) -> None:
        """Await `before_start`, then start. Raises RefusedToStart when no broker answers."""
        keep_freed_memory()
        try:
            await self._before_start()
            await self.writer.start()
        except (KafkaConnectionError, NodeNotReadyError, RequestTimedOutError) as error:
            # The last two: a broker that answered at first is gone.
            raise RefusedToStart(
                f"no Kafka broker answers at {self.connection.bootstrap_servers}: start it, or set "
                "TOCSIN_KAFKA_BOOTSTRAP (and TOCSIN_KAFKA_SECURITY_PROTOCOL if it requires TLS)."
            ) from error
        await super().on_start()
        self.add_future(self._garbage.run())

    async def _work(self) -> None:
        """Run cycles, chores and attempts at what was set aside; any exception must stop the worker."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_endless(self.cycle.run()))
                chores = do_chores(
                    self, self.ownership, self.cycle, self.alignment, self.has_room, self.rules_wanted
                )
                tasks.create_task(_endless(chores))
                tasks.create_task(_endless(keep_aligned(self.alignment, self.ownership, self.cycle)))
                tasks.create_task(_endless(hear_others(self.connection, self.writer, self.alignment)))
                tasks.create_task(_endless(keep_trying(self.connection, self.writer, self.ownership)))
        except BaseExceptionGroup:
            # After a crash Faust does not say that it shuts down.
            await self.ownership.end()
            raise

    async def _give_up(self, *_: Any, **__: Any) -> None:
        await self.ownership.give_up()
        # Nothing is applied between the two: nothing is owned.
        self.alignment.leave()

    async def _follow(self, *_: Any, **__: Any) -> None:
        consumer = cast(PositionedConsumer, self.consumer)
        # In this order: the next rebalance begins in another thread.
        membership, rebalances = consumer.membership(), self.rebalancing_count
        if membership is None:
            # The next rebalance has begun, and the partitions were given up: this assignment must not be
            # claimed.
            return
        generation, member = membership
        started = time.monotonic()
        assigned = self.consumer.assignment()
        if not await self.ownership.follow(
            assigned, generation, member, lambda: consumer.is_current(generation)
        ):
            return
        self.alignment.follow(has_relays=any(stage.relays for stage in self._stages))
        self.cycle.follow(generation, rebalances)
        self._garbage.taken_over()
        owned = {
            stage.name: [place.partition for place in self.ownership.owners if place.stage == stage.name]
            for stage in self._stages
        }
        logger.info(
            "owns partitions %s",
            ", ".join(f"{partitions} of {name}" for name, partitions in owned.items()),
            generation=generation,
            read=self.ownership.partitions_read,
            state_records=self.ownership.records_read,
            seconds=round(time.monotonic() - started, 2),
        )
        if self.rebalancing_count == rebalances:
            # Otherwise the next rebalance began while the state was restored.
            for stage in self._stages:
                stage.observer.rebalanced(consumer.partitions(stage.main_source))

    async def _end(self, *_: Any, **__: Any) -> None:
        await self.ownership.end()
        await self.writer.stop()


async def _endless(work: Awaitable[None]) -> None:
    """Await work that never ends by itself.

    A cancellation from within is an error: a task group would not notice it.
    """
    task = asyncio.current_task()
    assert task is not None
    try:
        await work
    except asyncio.CancelledError:
        if task.cancelling():
            raise
        raise OwnershipLost("the work of this process was cancelled from within") from None
