"""Applies records to the read model, whatever their topic."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping

from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import (
    AUTHORITY_ROUTING,
    CASE_ACTIVITY,
    CLOCK_OUTCOMES,
    DESK_VIEWS,
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    INTEGRITY_CASES,
    MODERATION_OUTCOMES,
    REVIEW_QUESTIONS,
    TRANSPARENCY_COUNTERS,
)
from streams.desk.console.read_model.acts import apply_case_activity
from streams.desk.console.read_model.changes import Changes, categories_of
from streams.desk.console.read_model.desk.rows import episodes_with_clocks, refresh_row
from streams.desk.console.read_model.escalations import apply_escalation, apply_shadow_escalation
from streams.desk.console.read_model.finding.desk_views import apply_desk_view
from streams.desk.console.read_model.integrity import apply_integrity_case
from streams.desk.console.read_model.outcomes import apply_clock_outcome, apply_moderation_outcome
from streams.desk.console.read_model.questions import apply_review_question
from streams.desk.console.read_model.requests import apply_request_step, refresh_request
from streams.desk.console.read_model.transparency import apply_transparency_counter

_Apply = Callable[[sqlite3.Connection, SourceRecord, Changes], None]

HANDLERS: Mapping[str, _Apply] = {
    ESCALATIONS: apply_escalation,
    ESCALATIONS_SHADOW: apply_shadow_escalation,
    AUTHORITY_ROUTING: apply_request_step,
    CASE_ACTIVITY: apply_case_activity,
    MODERATION_OUTCOMES: apply_moderation_outcome,
    CLOCK_OUTCOMES: apply_clock_outcome,
    INTEGRITY_CASES: apply_integrity_case,
    REVIEW_QUESTIONS: apply_review_question,
    DESK_VIEWS: apply_desk_view,
    TRANSPARENCY_COUNTERS: apply_transparency_counter,
}
"""What the console reads, and what it does with a record of each topic."""


def apply_records(
    writer: sqlite3.Connection, records: Iterable[tuple[str, SourceRecord]], changes: Changes
) -> int:
    """Apply records, each with its topic's name without prefix; return how many could not be read.

    Anybody with the right to write may write nonsense to the source topics; a worker puts it into
    dead-letters, and the console skips it.
    """
    unreadable = 0
    for topic, record in records:
        # A handler may find only halfway that a record has a time that is none.
        writer.execute("SAVEPOINT record")
        try:
            HANDLERS[topic](writer, record, changes)
        except (sqlite3.Error, MemoryError):
            # Says nothing about the record.
            raise
        except Exception:  # noqa: BLE001
            # A record must never stop the console: every restart would come to it again.
            unreadable += 1
            writer.execute("ROLLBACK TO record")
        writer.execute("RELEASE record")
    # An episode that only now begins to wait is among the escalations that changed.
    for channel_ref in changes.channels:
        changes.escalations.update(episodes_with_clocks(writer, channel_ref))
    for escalation_id in changes.escalations:
        refresh_row(writer, escalation_id, changes)
    for request_id in changes.requests:
        refresh_request(writer, request_id)
    changes.categories.update(categories_of(writer, changes.requests))
    changes.categories.update({each: {None} for each in changes.integrity_cases})
    return unreadable
