"""Retention periods that run from the fulfilment of another duty of the same request, such as from a removal.

They are armed with the request and run from its receipt. When the other duty is reported as fulfilled they
start again from then; while it is not, they begin again instead of ending, because the law's count has not
begun.
"""

from streams.deciding.clocks.clock import clock_view, restart
from streams.deciding.clocks.life import ClockChange
from streams.deciding.clocks.store import ClockKey, LegalClock
from streams.deciding.law.duty import due_ms
from streams.deciding.partition.legal_clocks import apply_change
from streams.deciding.requests.batch import RequestBatch
from streams.deciding.requests.clock_events import clocks_beside, publish_change


def count_from_fulfilment(batch: RequestBatch, ref: str, fulfilled: LegalClock, change: ClockChange) -> None:
    """Start again what runs from a duty of the request `ref`, if `change` says that it was fulfilled."""
    if change.event != "fulfilled":
        return
    for duty, key in clocks_beside(ClockKey(ref, change.view.clock_id), fulfilled).items():
        if _runs_from(batch, duty) == fulfilled.obligation:
            _count_anew(batch, key, change.at)
    # What was fulfilled long ago may be over already.
    batch.take_overdue()


def keep_until_fulfilment(batch: RequestBatch, key: ClockKey, at: int) -> bool:
    """Begin a retention period again that would end at `at` while the duty from which it runs is open.

    Return whether it was begun again.
    """
    kept = batch.state.clocks.find(key)
    assert kept is not None
    start = _runs_from(batch, kept.obligation)
    if start is None:
        return False
    awaited = clocks_beside(key, kept).get(start)
    if awaited is None or batch.state.clocks.find(awaited) is None:
        return False
    _count_anew(batch, key, at)
    return True


def _runs_from(batch: RequestBatch, duty: str) -> str | None:
    row = batch.rules.obligations.get(duty)
    return None if row is None else row.runs_from


def _count_anew(batch: RequestBatch, key: ClockKey, at: int) -> None:
    kept = batch.state.clocks.find(key)
    if kept is None:
        return
    due = due_ms(batch.rules.obligations[kept.obligation], at, batch.rules.registry)
    # Without a calendar that reaches so far it is as long as before.
    restart(kept.clock, at, at + kept.clock.length if due is None else due)
    kept.sequence += 1
    view = clock_view(kept.clock, key.clock_id, kept.obligation, at)
    apply_change(batch, key, kept, ClockChange("resumed", at, view, ended=False), None, publish_change)
