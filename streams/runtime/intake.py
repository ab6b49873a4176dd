"""The cycle: take all queued batches, apply them in a transaction per partition, acknowledge what is done."""

import asyncio
import time
from collections import defaultdict
from typing import Any

from faust.types import TP

from streams.runtime.batches import batch_bytes
from streams.runtime.ownership import Ownership
from streams.runtime.patches.batch_topic import BatchTopic
from streams.runtime.stage import State

# Bytes of one cycle: 20,000 reports of 400 bytes. A cycle makes one transaction per partition, which costs
# some 10 ms whatever its size. 20,000 reports are a third of a second to a second of work. Records that lead to
# more than one transaction may hold are continued in the next cycle, together with what arrived meanwhile.
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
            chores = tasks.create_task(_do_chores(app, ownership))
            generation = wanted = None
            rebalances = 0
            async for event in stream.noack().events():
                events = [event]
                while events:
                    # Between two cycles the chores and rebalances get the lock if they wait for it.
                    async with ownership.turn:
                        if app.consumer_generation_id != generation:
                            # In this order: the next rebalance begins in another thread.
                            generation = wanted = app.consumer_generation_id
                            rebalances = app.rebalancing_count
                        events, resting = _take_queued(app, topic, ownership, events, wanted)
                        for tp in resting:
                            await app.consumer.rest(tp)
                        events = await _apply(events, ownership)
                    # Not `app.rebalancing`: at the end of a rebalance it is still true for new records.
                    if events and (app.rebalancing_count != rebalances or app.should_stop):
                        # A rebalance and a stop wait for what was taken; with many due steps before it that could
                        # be minutes. The position in the log is up to date, so the next owner continues there,
                        # or this one, which fetches the rest again. What follows in the queue must not be
                        # applied without it.
                        wanted = None
            chores.cancel()
    except BaseExceptionGroup as group:
        # The log is clearer with the first error alone; the group only adds that two tasks were running.
        raise group.exceptions[0] from None


def _take_queued(
    app: Any,
    topic: BatchTopic,
    ownership: Ownership[State],
    held: list[Any],
    generation: int | None,
) -> tuple[list[Any], set[TP]]:
    """The events held and those queued behind them, up to MAX_CYCLE_BYTES, if they are of this generation.

    Without those of sources at rest; these sources are returned too.
    """
    resting: set[TP] = set()

    def is_wanted(event: Any) -> bool:
        message = event.message
        if message.generation_id != generation:
            return False
        owner = ownership.owners.get(message.partition)
        if owner is None or owner.takes(message.topic, event.value):
            return True
        if message.topic in owner.resting:
            resting.add(TP(message.topic, message.partition))
        return False

    events = []
    taken = 0
    for event in held:
        if is_wanted(event):
            events.append(event)
            taken += batch_bytes(event)
        else:
            # A rebalance began after the stream yielded it and before our turn, or its source rests. It will be
            # fetched again.
            # Without this acknowledgement the next rebalance would wait for it.
            event.ack()
    queue = topic.queue
    while taken < MAX_CYCLE_BYTES and not queue.empty():
        event = queue.get_nowait()
        if not is_wanted(event):
            continue
        # As Faust's stream does for the events that it yields: a rebalance then waits for our
        # acknowledgement.
        if not event.message.tracked:
            event.message.tracked = True
            app.consumer.track_message(event.message)
        taken += batch_bytes(event)
        events.append(event)
    topic.waiting.room.set()
    return events, resting


async def _apply(events: list[Any], ownership: Ownership[State]) -> list[Any]:
    """Write one transaction for each partition, acknowledge the events that are done, and return the others."""
    by_partition: dict[int, list[Any]] = defaultdict(list)
    for event in events:
        by_partition[event.message.partition].append(event)
    # One partition at a time gets the processor: if they took turns slice by slice, a turn of the event loop would
    # be as many slices long, and the first transaction would begin only when the last partition is applied.
    processor = asyncio.Lock()
    results = await asyncio.gather(
        *(
            ownership.owners[partition].apply(
                [(event.message.topic, event.value) for event in of_partition], processor
            )
            for partition, of_partition in by_partition.items()
        ),
        return_exceptions=True,
    )
    left = []
    for result, of_partition in zip(results, by_partition.values(), strict=True):
        if isinstance(result, BaseException):
            raise result
        for event in of_partition[:result]:
            event.ack()
        left += of_partition[result:]
    return left


async def _do_chores(app: Any, ownership: Ownership[State]) -> None:
    while True:
        await asyncio.sleep(TICK_CHECK_SECONDS)
        # A producer can have only one transaction at a time, so a tick waits for the lock like a batch.
        async with ownership.turn:
            now = time.monotonic()
            for owner in ownership.settled_owners():
                for topic, offset in owner.wake():
                    await app.consumer.wake(TP(topic, owner.partition), offset)
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
