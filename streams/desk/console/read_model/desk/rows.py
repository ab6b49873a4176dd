"""Makes the desk's row of an escalation from everything that is known about it."""

import sqlite3
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from streams.contract.events.escalation import Escalation
from streams.contract.events.moderation_outcome import ModerationOutcome
from streams.contract.wire.encoding import encode
from streams.contract.wire.times import epoch_ms, moment_ms
from streams.desk.console.casework.joining import joined_case_id, message_of
from streams.desk.console.casework.permissions import gate_needs_two
from streams.desk.console.casework.work import CaseKey, CaseWork
from streams.desk.console.read_model.acts import last_acted_ms, work_columns, work_on
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.clocks import (
    NearestClock,
    clock_columns,
    nearest_clock,
    nearest_clock_of_messages,
)
from streams.desk.console.read_model.desk.category_order import order_of
from streams.desk.console.read_model.escalations import escalation_events
from streams.desk.console.read_model.statements import SQL
from streams.desk.text.case_facts import case_facts, messages_of
from streams.desk.text.crowd_text import priority_text
from streams.desk.text.record_text import likely_countries

CaseState = Literal["open", "proposed", "decided", "resolved"]

_OUTCOME = msgspec.json.Decoder(ModerationOutcome)


class _Decided(NamedTuple):
    at_ms: int
    by: str
    decision: str
    reason: str


def refresh_row(writer: sqlite3.Connection, escalation_id: str, changes: Changes) -> None:
    """Make the row of an escalation again, and tell of which case it is.

    Acts may arrive before its first event: then there is no row yet.
    """
    events = escalation_events(writer, escalation_id)
    if not events:
        return
    newest = events[-1]
    work = work_on(writer, escalation_id)
    decided = _decided(writer, escalation_id, work)
    reopened = decided is not None and _raised_after(events, decided.at_ms)
    state = _state(newest, work, is_decided=decided is not None and not reopened)
    clock = None if state == "resolved" else _nearest_clock(writer, newest)
    priority = newest.priority.value if newest.priority is not msgspec.UNSET else 0
    message = message_of(events)
    case_id = joined_case_id(newest.channel_ref, message)
    row = {
        "escalation_id": escalation_id,
        "case_id": case_id,
        "message_ref": message,
        "channel_ref": newest.channel_ref,
        "policy": newest.policy,
        "is_clock": newest.clock is not None,
        "category": newest.category,
        "category_group": newest.dsa_category,
        "level": newest.level,
        "level_name": newest.level_name,
        "opened_ms": moment_ms(events[0].at),
        "changed_ms": max(
            moment_ms(newest.at),
            0 if decided is None else decided.at_ms,
            last_acted_ms(writer, CaseKey("escalation", escalation_id)),
        ),
        "priority": priority,
        "priority_parts": "" if newest.priority is msgspec.UNSET else priority_text(newest.priority),
        "distinct_reporters": newest.counts.distinct_reporters,
        "integrity": _integrity(newest),
        "jurisdictions": " ".join(likely_countries(newest.jurisdictions)),
        "gate": newest.rule_of_law.decision,
        "needs_two": gate_needs_two(newest),
        "escalated": work.escalated,
        "state": state,
        "reopened": reopened,
        "decision": None if decided is None else decided.decision,
        "decision_reason": None if decided is None else decided.reason,
        "decided_by": None if decided is None else decided.by,
        "decided_ms": None if decided is None else decided.at_ms,
        "facts": encode(case_facts(events)),
        "opens_message": next(iter(messages_of(events)), None),
        "policy_version": newest.policy_version,
        "registry_version": newest.registry_version,
        "alone": False,
        "waits": state in ("open", "proposed"),
        "order_level": -newest.level,
        "order_priority": -priority,
        **order_of(writer, newest.category).columns,
        **clock_columns(clock),
        **work_columns(work),
    }
    # A case that it leaves changes too.
    cases = {case_id, *(before for (before,) in writer.execute(SQL["case_of"], (escalation_id,)))}
    writer.execute(SQL["put_desk_row"], row)
    for each in cases:
        changes.tell_of_case(each, newest.category)
        _note_whether_alone(writer, each)


def _note_whether_alone(writer: sqlite3.Connection, case_id: str) -> None:
    # Of three or more all but the last one were two before.
    if len(few := writer.execute(SQL["few_of_case"], (case_id,)).fetchall()) < 3:
        writer.execute(SQL["set_alone"], {"alone": len(few) == 1, "case": case_id})


def episodes_with_clocks(writer: sqlite3.Connection, channel_ref: str) -> list[str]:
    """The episodes of a channel whose rows must be made again if clocks of its messages changed.

    The case of a clock shows that clock alone, and one that ended by itself, of which there may be thousands,
    shows none. So a channel with thousands of clocks costs no more than the few episodes that wait for people
    or were decided by them.
    """
    rows = writer.execute(SQL["episodes_with_clocks"], (channel_ref,))
    return [escalation_id for (escalation_id,) in rows]


def _state(newest: Escalation, work: CaseWork, *, is_decided: bool) -> CaseState:
    if is_decided:
        return "decided"
    if newest.status == "resolved":
        return "resolved"
    return "open" if work.proposal is None else "proposed"


def _decided(connection: sqlite3.Connection, escalation_id: str, work: CaseWork) -> _Decided | None:
    """The last decision about the case: by an act, or by another system's outcome about the escalation."""
    found = [
        _Decided(decided_ms, outcome.reviewer.ref, outcome.decision, outcome.reason)
        for decided_ms, outcome in (
            (decided_ms, _OUTCOME.decode(event))
            for decided_ms, event in connection.execute(SQL["outcomes_of_escalation"], (escalation_id,))
        )
    ]
    if work.decision is not None:
        last = work.decision.signed_by or work.decision.actor
        outcome = work.decision.outcome
        found.append(_Decided(epoch_ms(work.decision.at), last.ref, outcome.decision, outcome.reason))
    return max(found, default=None)


def _raised_after(events: Sequence[Escalation], decided_ms: int) -> bool:
    return any(event.reason == "level_raised" and moment_ms(event.at) > decided_ms for event in events)


def _nearest_clock(connection: sqlite3.Connection, newest: Escalation) -> NearestClock | None:
    """The open clock of the case that is due first: its own, or that of a message of its episode."""
    if newest.clock is not None:
        return nearest_clock(connection, CaseKey("escalation", newest.escalation_id))
    return nearest_clock_of_messages(connection, newest.channel_ref, newest.message_refs)


def _integrity(newest: Escalation) -> str:
    if newest.integrity.finding is not msgspec.UNSET:
        return f"{newest.integrity.finding.members} look coordinated"
    return "suspected" if newest.integrity.brigade_suspected else ""
