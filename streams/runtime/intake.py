"""The cycle: take all queued batches, apply them in one transaction per partition, then acknowledge them."""

import asyncio
import time
from collections import defaultdict
from typing import Any

from streams.runtime.batches import batch_bytes
from streams.runtime.ownership import Ownership
from streams.runtime.patches.batch_topic import BatchTopic
from streams.runtime.stage import State

# Bytes of one cycle: 20,000 reports of 400 bytes. A cycle makes one transaction per partition, which costs
# some 10 ms whatever its size. 20,000 reports are a third of a second to a second of work, far below the 20 s
# that a transaction may last.
MAX_CYCLE_BYTES = 20_000_000

# How often an idle worker checks whether something is due. A clear is confirmed minutes after it began, so
# half a second more does not matter. Checking costs one peek at a heap per partition.
TICK_CHECK_SECONDS = 0.5

# How often the position is moved past transaction markers at the end of a log. If nothing is written to a
# source topic for its whole retention (14 days), only a marker is left at its end; once the broker deletes
# that too, the position would be before the start of the log. Any interval well below the retention is
# enough.
MARKERS_SECONDS = 3600.0

# A partition is idle, and may be ticked, when nothing was applied for this long: longer than a busy broker
# takes to answer a fetch.
IDLE_SECONDS = 1.0


async def run_intake(app: Any, stream: Any, ownership: Ownership[State]) -> None:
    """The body of a stage's agent. Runs until the stream ends; any exception must stop the worker."""
    # The stream's topic: Faust gives an agent a clone of the topic that it was defined with.
    topic: BatchTopic = stream.channel
    try:
        async with asyncio.TaskGroup() as tasks:
            chores = tasks.create_task(_do_chores(ownership))
            async for event in stream.noack().events():
                async with ownership.turn:
                    events = _take_queued(app, topic, event)
                    await _apply(events, ownership)
                    for applied in events:
                        applied.ack()
            chores.cancel()
    except BaseExceptionGroup as group:
        # The log is clearer with the first error alone; the group only adds that two tasks were running.
        raise group.exceptions[0] from None


def _take_queued(app: Any, topic: BatchTopic, first: Any) -> list[Any]:
    """`first` and the events queued behind it, up to MAX_CYCLE_BYTES, without those of an earlier generation."""
    events = []
    taken = 0
    if _is_current(app, first):
        events.append(first)
        taken = batch_bytes(first)
    else:
        # A rebalance began after the stream yielded it and before our turn. It will be fetched again. Without
        # this acknowledgement the next rebalance would wait for it.
        first.ack()
    queue = topic.queue
    while taken < MAX_CYCLE_BYTES and not queue.empty():
        event = queue.get_nowait()
        if not _is_current(app, event):
            continue
        # As Faust's stream does for the events that it yields: a rebalance then waits for our
        # acknowledgement.
        if not event.message.tracked:
            event.message.tracked = True
            app.consumer.track_message(event.message)
        taken += batch_bytes(event)
        events.append(event)
    topic.waiting.room.set()
    return events


def _is_current(app: Any, event: Any) -> bool:
    return bool(event.message.generation_id == app.consumer_generation_id)


async def _apply(events: list[Any], ownership: Ownership[State]) -> None:
    by_partition: dict[int, list[tuple[str, Any]]] = defaultdict(list)
    for event in events:
        by_partition[event.message.partition].append((event.message.topic, event.value))
    results = await asyncio.gather(
        *(ownership.owners[partition].apply(batches) for partition, batches in by_partition.items()),
        return_exceptions=True,
    )
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _do_chores(ownership: Ownership[State]) -> None:
    while True:
        await asyncio.sleep(TICK_CHECK_SECONDS)
        # A producer can have only one transaction at a time, so a tick waits for the lock like a batch.
        async with ownership.turn:
            now = time.monotonic()
            for owner in ownership.settled_owners():
                if now - owner.last_applied_at > IDLE_SECONDS and await owner.tick_if_due(
                    int(time.time() * 1000)
                ):
                    owner.last_applied_at = now
            # One partition per round: the requests to the brokers take a tenth of a second, and nothing is
            # applied meanwhile.
            for owner in ownership.settled_owners():
                if now - owner.markers_stepped_at > MARKERS_SECONDS:
                    owner.markers_stepped_at = now
                    await owner.step_over_markers()
                    break
