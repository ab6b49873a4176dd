"""Makes the desk's row of an escalation from everything that is known about it."""

import sqlite3
from typing import Literal, NamedTuple

import msgspec

from streams.console.casework.permissions import gate_needs_two
from streams.console.casework.work import CaseWork
from streams.console.read_model.acts import work_on
from streams.console.read_model.clocks import NO_CLOCK, NearestClock
from streams.events.escalation import Escalation
from streams.events.moderation_outcome import ModerationOutcome
from streams.text.record_text import likely_countries
from streams.wire.times import epoch_ms, moment_ms

CaseState = Literal["open", "proposed", "decided", "resolved"]

_ESCALATION = msgspec.json.Decoder(Escalation)
_OUTCOME = msgspec.json.Decoder(ModerationOutcome)


class _Decided(NamedTuple):
    at_ms: int
    by: str
    decision: str


def refresh_row(writer: sqlite3.Connection, escalation_id: str) -> None:
    """Make the row of an escalation again. Acts may arrive before its first event: then there is no row yet."""
    events = [
        _ESCALATION.decode(event)
        for (event,) in writer.execute(
            "SELECT event FROM escalation_event WHERE escalation_id = ? ORDER BY sequence", (escalation_id,)
        )
    ]
    if not events:
        return
    newest = events[-1]
    work = work_on(writer, escalation_id)
    decided = _decided(writer, escalation_id, work)
    reopened = decided is not None and _raised_after(events, decided.at_ms)
    state = _state(newest, work, is_decided=decided is not None and not reopened)
    waits = state in ("open", "proposed")
    clock = None if state == "resolved" else _nearest_clock(writer, newest)
    priority = newest.priority.value if newest.priority is not msgspec.UNSET else 0
    counts = newest.counts
    row = (
        escalation_id,
        newest.channel_ref,
        newest.policy,
        newest.clock is not None,
        newest.category,
        newest.dsa_category,
        newest.level,
        newest.level_name,
        moment_ms(events[0].at),
        _changed_ms(writer, newest, None if decided is None else decided.at_ms),
        None if clock is None else clock.due_ms,
        None if clock is None else clock.obligation,
        priority,
        counts.reports,
        counts.distinct_reporters,
        None if counts.voices is msgspec.UNSET else counts.voices,
        newest.score.value,
        _integrity(newest),
        " ".join(likely_countries(newest.jurisdictions)),
        newest.rule_of_law.decision,
        gate_needs_two(newest),
        None if work.assignee is None else work.assignee.ref,
        None if work.claimed_until is None else epoch_ms(work.claimed_until),
        None if work.snoozed_until is None else epoch_ms(work.snoozed_until),
        work.escalated,
        state,
        reopened,
        None if decided is None else decided.decision,
        None if decided is None else decided.by,
        work.version,
        newest.policy_version,
        newest.registry_version,
        waits,
        NO_CLOCK if clock is None else clock.due_ms,
        -newest.level,
        -priority,
    )
    marks = ", ".join("?" * len(row))
    writer.execute(f"INSERT OR REPLACE INTO desk_row VALUES ({marks})", row)


def episodes_with_clocks(writer: sqlite3.Connection, channel_ref: str) -> list[str]:
    """The episodes of a channel whose rows must be made again if clocks of its messages changed.

    The case of a clock shows that clock alone, and one that ended by itself, of which there may be thousands, shows none. So a
    channel with thousands of clocks costs no more than the few episodes that wait for people or were decided by them.
    """
    rows = writer.execute(
        "SELECT escalation_id FROM desk_row WHERE channel_ref = ? AND NOT is_clock AND state != 'resolved'",
        (channel_ref,),
    )
    return [escalation_id for (escalation_id,) in rows]


def _state(newest: Escalation, work: CaseWork, *, is_decided: bool) -> CaseState:
    if is_decided:
        return "decided"
    if newest.status == "resolved":
        return "resolved"
    return "open" if work.proposal is None else "proposed"


def _decided(connection: sqlite3.Connection, escalation_id: str, work: CaseWork) -> _Decided | None:
    """The last decision about the case: by an act, or by an outcome of another system about the escalation."""
    found = [
        _Decided(decided_ms, outcome.reviewer.ref, outcome.decision)
        for decided_ms, outcome in (
            (decided_ms, _OUTCOME.decode(event))
            for decided_ms, event in connection.execute(
                "SELECT decided_ms, event FROM outcome WHERE escalation_id = ?", (escalation_id,)
            )
        )
    ]
    if work.decision is not None:
        last = work.decision.signed_by or work.decision.actor
        found.append(_Decided(epoch_ms(work.decision.at), last.ref, work.decision.outcome.decision))
    return max(found, default=None)


def _changed_ms(connection: sqlite3.Connection, newest: Escalation, decided_ms: int | None) -> int:
    """When anything last happened with the case."""
    (acted_ms,) = connection.execute(
        "SELECT max(at_ms) FROM act WHERE subject = 'escalation' AND case_id = ?", (newest.escalation_id,)
    ).fetchone()
    return max(moment_ms(newest.at), decided_ms or 0, acted_ms or 0)


def _raised_after(events: list[Escalation], decided_ms: int) -> bool:
    return any(event.reason == "level_raised" and moment_ms(event.at) > decided_ms for event in events)


def _nearest_clock(connection: sqlite3.Connection, newest: Escalation) -> NearestClock | None:
    """The open clock of the case that is due first: its own, or for an episode one of a message that it names."""
    values: tuple[str, ...]
    if newest.clock is not None:
        which, values = "case_id = ?", (newest.escalation_id,)
    else:
        marks = ", ".join("?" * len(newest.message_refs))
        which = f"subject = 'report' AND key = ? AND message_ref IN ({marks})"
        values = (newest.channel_ref, *newest.message_refs)
    row = connection.execute(
        f"""
        SELECT due_ms, obligation FROM clock WHERE {which} AND is_open AND status != 'paused'
        ORDER BY due_ms, clock_id LIMIT 1
        """,
        values,
    ).fetchone()
    return None if row is None else NearestClock(*row)


def _integrity(newest: Escalation) -> str:
    if newest.integrity.finding is not msgspec.UNSET:
        return f"{newest.integrity.finding.members} look coordinated"
    return "suspected" if newest.integrity.brigade_suspected else ""
