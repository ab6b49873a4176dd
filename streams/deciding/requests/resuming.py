"""Resuming a clock of which no time has run yet, such as one that was paused from the start.

Its duty begins with the answer of the authority (Regulation (EU) 2021/784 art. 3(8); LCEN art. 6-2), so its
time is counted from that day, as it would be for a new request, and not moved by the length of the pause.
"""

import msgspec

from streams.contract.wire.envelope import rfc3339
from streams.deciding.clocks.clock import count_from, due_time, has_only_paused
from streams.deciding.clocks.life import ClockChange
from streams.deciding.clocks.store import ClockKey, LegalClock
from streams.deciding.law.duty import due_ms
from streams.deciding.partition.legal_clocks import OutcomeTrace
from streams.deciding.requests.batch import RequestBatch
from streams.deciding.requests.clock_events import publish_change


def publish_outcome(
    batch: RequestBatch, key: ClockKey, kept: LegalClock, change: ClockChange, trace: OutcomeTrace | None
) -> None:
    """Publish a change that an outcome caused, of a clock that begins with it: counted from then."""
    if change.event == "resumed" and has_only_paused(kept.clock, change.at):
        change = _counted_from(batch, kept, change)
    publish_change(batch, key, kept, change, trace)


def _counted_from(batch: RequestBatch, kept: LegalClock, change: ClockChange) -> ClockChange:
    # A clock keeps its terms: if the law was changed since, dropped the duty or its number, or its calendar
    # ends too early, the end is moved by the pause.
    row = batch.rules.obligations.get(kept.obligation)
    if row is None or row.duration is None:
        return change
    registry = batch.rules.registry
    due = due_ms(row, change.at, registry)
    if due is None or due_ms(row, kept.clock.started, registry) != kept.clock.started + kept.clock.length:
        return change
    count_from(kept.clock, change.at, due)
    due_at = rfc3339(due_time(kept.clock))
    not_before = None if change.view.not_before is None else due_at
    return change._replace(view=msgspec.structs.replace(change.view, due_at=due_at, not_before=not_before))
