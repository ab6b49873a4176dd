"""Sets partitions aside that cannot be applied, and tries them again, while the others of the worker go on.

A partition that is set aside stays claimed, and nothing of it is fetched, applied or written. As this process
is the only one that writes to it, its state can be read again at any time, outside of cycles.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.types import TP

from streams.contract.wire.state_records import RulesMissing
from streams.running.alignment.arrival import Arrival
from streams.running.errors import OwnershipLost, RefusedToStart
from streams.running.log.log import Log
from streams.running.log.writer import Writer
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.partitions.setback import NotApplied
from streams.running.takeover.ownership import Ownership

logger = structlog.get_logger(__name__)

# How often to look for partitions whose pause is over.
LOOK_SECONDS = 0.5


async def set_aside(
    consumer: Any, owner: PartitionOwner[Any], failed: NotApplied, arrivals: Iterable[Arrival] = ()
) -> None:
    """Set a partition aside, and drop the records with which it failed: they will be fetched again."""
    owner.set_aside(failed)
    tps = [TP(topic, owner.place.partition) for topic in owner.position]
    await rest_sources(consumer, tps, arrivals)


async def rest_sources(consumer: Any, tps: Iterable[TP], arrivals: Iterable[Arrival]) -> None:
    """Fetch nothing of some sources until they are woken, and drop what was fetched of them."""
    # From here on what is acknowledged of them is not committed to the group.
    pauses = [consumer.rest(tp) for tp in tps]
    # Before anything is awaited: a rebalance waits for it.
    for arrival in arrivals:
        arrival.acknowledge()
    for pause in pauses:
        await pause


async def wake_sources(consumer: Any, ownership: Ownership) -> None:
    """Fetch sources again whose rest is over."""
    for place, owner in ownership.owners.items():
        for topic, offset in owner.wake():
            await consumer.wake(TP(topic, place.partition), offset)


async def keep_trying(log: Log, writer: Writer, ownership: Ownership) -> None:
    """Try set-aside partitions again when their pauses are over, for ever; an exception ends the worker."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if writer.has_to_look:
            await writer.look_at_troubles()
        await writer.end_what_is_committed()
        if ownership.waits_for_claims:
            # Nobody owns a partition that is not claimed.
            continue
        due = [each for each in ownership.owners.values() if each.attempts.is_due(writer.troubles)]
        for owner in due:
            try:
                await _try_again(log, writer, ownership, owner)
            except (KafkaError, OwnershipLost) as error:
                # It has no state in memory that could be wrong.
                owner.attempts.postpone()
                logger.warning(
                    "state of a partition that is set aside not read; the next attempt follows later",
                    stage=owner.place.stage,
                    partition=owner.place.partition,
                    error=repr(error),
                )
            except RulesMissing as missing:
                owner.attempts.wait_for_rules(missing)
            except RefusedToStart:
                # Another worker may own it now, and its log may have changed.
                if _is_owned(ownership, owner):
                    raise


async def _try_again(log: Log, writer: Writer, ownership: Ownership, owner: PartitionOwner[Any]) -> None:
    logs = {*owner.source_logs(), owner.state_log}
    await writer.look_at_troubles(logs)
    if missing := [each for each in logs if writer.troubles.has_no_leader(each)]:
        owner.attempts.waits_for = missing
        return
    async with log.reader() as consumer:
        end = (await writer.ends([owner.state_log]))[owner.state_log]
        loaded = await owner.load(consumer, end)
    # So that no cycle is under way.
    async with ownership.write_lock:
        if _is_owned(ownership, owner):
            owner.try_again(loaded)


def _is_owned(ownership: Ownership, owner: PartitionOwner[Any]) -> bool:
    return ownership.owners.get(owner.place) is owner
