"""What a worker does besides its cycles: ticks, sources at rest, positions at the ends of logs."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog

from streams.running.alignment.alignment import Alignment
from streams.running.cycle.cycle import Cycle
from streams.running.cycle.set_aside import set_aside, wake_sources
from streams.running.log.destinations import DestinationTrouble
from streams.running.log.log import Destination, Write
from streams.running.partitions.outputs import Outputs, position_record
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.partitions.setback import NotApplied
from streams.running.partitions.stage import Switch
from streams.running.takeover.ownership import Ownership
from streams.running.wall_clock import clock_ms

logger = structlog.get_logger(__name__)

# How often an idle worker checks whether something is due. A clear is confirmed minutes after it began, so
# half a second more does not matter. Checking costs one peek at a heap per partition.
TICK_CHECK_SECONDS = 0.5

# How often the position is moved past transaction markers at the end of a log. If nothing is written to a
# source topic for its whole retention (14 days), only a marker is left at its end; once the broker deletes
# that too, the position would be before the start of the log. Any interval well below the retention is
# enough.
MARKERS_SECONDS = 3600.0

# How often a worker compares its state with its budget of memory. In that time 5,000 new messages a second
# take 5 MB.
ROOM_SECONDS = 10.0

# A partition is idle, and may be ticked, when nothing was applied for this long: longer than a busy broker
# takes to answer a fetch.
IDLE_SECONDS = 1.0


HasRoom = Callable[[], bool | None]
"""Whether there is memory for more state; None: as before."""

RulesWanted = Callable[[], Switch | None]
"""By which rules all partitions are to be judged, if they are ready."""


async def do_chores(
    app: Any,
    ownership: Ownership,
    cycle: Cycle,
    alignment: Alignment,
    has_room: HasRoom = lambda: None,
    rules_wanted: RulesWanted = lambda: None,
) -> None:
    """Do them for ever; any exception must stop the worker."""
    asked_at = time.monotonic()
    while True:
        await asyncio.sleep(TICK_CHECK_SECONDS)
        # The lock, so that no cycle applies anything meanwhile.
        async with ownership.write_lock:
            await wake_sources(app.consumer, ownership)
            await cycle.claim_what_waits()
            try:
                await _say_rules(rules_wanted(), app, ownership, cycle)
                await _tick(app, ownership, cycle, alignment)
                await _step_over_markers(ownership, cycle)
                await cycle.write_notes()
                if time.monotonic() - asked_at > ROOM_SECONDS:
                    asked_at = time.monotonic()
                    await _say_room(has_room(), app, ownership, cycle)
            except DestinationTrouble:
                # All partitions are taken over again: there will be other ticks.
                continue


async def _tick(app: Any, ownership: Ownership, cycle: Cycle, alignment: Alignment) -> None:
    now = time.monotonic()
    idle = [owner for owner in ownership.owners.values() if now - owner.last_applied_at > IDLE_SECONDS]
    for owner in await _write_own(
        app, cycle, idle, lambda owner: owner.tick(alignment.tick_clock(owner, clock_ms()))
    ):
        owner.ticked()


async def _say_rules(wanted: Switch | None, app: Any, ownership: Ownership, cycle: Cycle) -> None:
    """Let partitions be judged by the rules that are in force; each from where it reads that."""
    if wanted is None:
        return
    told = await _write_own(app, cycle, [*ownership.owners.values()], lambda owner: owner.say_rules(wanted))
    for owner in told:
        owner.rules_said(wanted.change)
    if told:
        logger.info(
            "partitions change to other rules",
            rules=wanted.rule_set,
            change=wanted.change,
            partitions=len(told),
            **({} if wanted.candidate is None else {"candidate": wanted.candidate}),
        )


async def _say_room(has_room: bool | None, app: Any, ownership: Ownership, cycle: Cycle) -> None:
    """Tell partitions whether there is memory for more state; None: it stays as it is."""
    if has_room is None:
        return
    told = await _write_own(
        app, cycle, [*ownership.owners.values()], lambda owner: owner.say_room(has_room=has_room)
    )
    if not told:
        return
    if has_room:
        logger.info("there is memory for more state: what is new is taken again")
    else:
        logger.warning(
            "the state has reached its budget of memory: reports about what is not known go to dead-letters",
            runbook="docs/runbooks/TocsinNewcomersRefused.md",
        )


async def _write_own(
    app: Any,
    cycle: Cycle,
    owners: Iterable[PartitionOwner[Any]],
    made: Callable[[PartitionOwner[Any]], Awaitable[Outputs | None]],
) -> list[PartitionOwner[Any]]:
    """Write what owners have to say in their own internal topics; return those that had something."""
    due = []
    for owner in owners:
        if owner.attempts.is_set_aside:
            continue
        try:
            outputs = await made(owner)
        except NotApplied as failed:
            await set_aside(app.consumer, owner, failed)
            continue
        if outputs is not None and not cycle.blocking(outputs.writes):
            due.append((owner, outputs))
    writing = [owner for owner, _ in due]
    if writing:
        await cycle.write(writing, [outputs.writes for _, outputs in due])
    return writing


async def _step_over_markers(ownership: Ownership, cycle: Cycle) -> None:
    # One partition per round: the requests to the brokers take a tenth of a second, and nothing is applied
    # meanwhile.
    now = time.monotonic()
    for owner in ownership.owners.values():
        if not owner.attempts.is_set_aside and now - owner.markers_stepped_at > MARKERS_SECONDS:
            owner.markers_stepped_at = now
            position = await owner.past_markers()
            writes: dict[Destination, list[Write]] = {owner.state_log: [position_record(position)]}
            if position != owner.position and not cycle.blocking(writes):
                await cycle.write([owner], [writes])
                owner.stepped_over_markers(position)
            return
