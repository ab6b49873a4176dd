"""The cycle: take everything that has arrived, group it by partition, one transaction for each, then acknowledge."""

import asyncio
import time
from collections import defaultdict
from typing import Any

from streams.runtime.batches import BatchTopic, batch_bytes
from streams.runtime.ownership import Ownership
from streams.runtime.stage import State

# Bytes of one cycle: 20,000 reports of 400 bytes. A cycle is one transaction per partition, which costs some 10 ms
# whatever it holds; 20,000 reports are a third of a second to a second of work, far below the 20 s a transaction may
# live.
MAX_CYCLE_BYTES = 20_000_000

# How often an idle worker looks whether something is due. A clear is confirmed minutes after it began, so half a second
# more does not matter to anybody, and looking is a heap's top per partition.
TICK_LOOK_SECONDS = 0.5

# How often the position is moved over transaction markers at the end of a log. A source topic that nobody writes to for
# its whole retention (14 days) ends in one; once the broker deletes it, the position would lie before the log. Any
# time well below the retention does.
MARKERS_SECONDS = 3600.0

# A partition counts as idle, and may be ticked, when nothing was applied for this long: longer than a fetch takes to
# come back on a busy broker.
IDLE_SECONDS = 1.0


async def run_intake(app: Any, stream: Any, ownership: Ownership[State]) -> None:
    """The body of a stage's agent. Runs until the stream ends; any exception must stop the worker."""
    # The stream's own: Faust gives an agent a clone of the topic it was defined with.
    topic: BatchTopic = stream.channel
    try:
        async with asyncio.TaskGroup() as tasks:
            chores = tasks.create_task(_do_chores(ownership))
            async for event in stream.noack().events():
                async with ownership.turn:
                    events = _take_all_that_waits(app, topic, event)
                    await _apply(events, ownership)
                    for applied in events:
                        applied.ack()
            chores.cancel()
    except BaseExceptionGroup as group:
        # One reason is enough for whoever reads the log; the group only says that two tasks were running.
        raise group.exceptions[0] from None


def _take_all_that_waits(app: Any, topic: BatchTopic, first: Any) -> list[Any]:
    events = []
    taken = 0
    if _is_current(app, first):
        events.append(first)
        taken = batch_bytes(first)
    else:
        # A rebalance came between the stream's handing it out and our turn. It will be fetched again; done with here,
        # or the next rebalance would wait for it.
        first.ack()
    queue = topic.queue
    while taken < MAX_CYCLE_BYTES and not queue.empty():
        event = queue.get_nowait()
        if not _is_current(app, event):
            continue
        # What Faust's stream does for the event it yields: a rebalance then waits for our acknowledgement.
        if not event.message.tracked:
            event.message.tracked = True
            app.consumer.track_message(event.message)
        taken += batch_bytes(event)
        events.append(event)
    topic.room.set()
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
        await asyncio.sleep(TICK_LOOK_SECONDS)
        # A producer has one transaction at a time, so a tick waits for its turn like a batch.
        async with ownership.turn:
            now = time.monotonic()
            for owner in ownership.settled_owners():
                if now - owner.last_applied_at > IDLE_SECONDS and await owner.tick_if_due(
                    int(time.time() * 1000)
                ):
                    owner.last_applied_at = now
            # One partition at each look: it asks the brokers for a tenth of a second, and nothing is applied meanwhile.
            for owner in ownership.settled_owners():
                if now - owner.markers_stepped_at > MARKERS_SECONDS:
                    owner.markers_stepped_at = now
                    await owner.step_over_markers()
                    break
