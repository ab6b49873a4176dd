"""Writes acts on cases, and what they add up to."""

import sqlite3
from typing import Any

import msgspec

from streams.console.casework.follow_ups import last_follow_up
from streams.console.casework.work import (
    ActRefused,
    CaseKey,
    CaseWork,
    RequestWork,
    Work,
    apply_act,
    case_key,
)
from streams.console.read_model.changes import Changes
from streams.events.case_activity import CaseActivity
from streams.wire.case_activity_decoding import decode_case_activity
from streams.wire.encoding import encode
from streams.wire.records import SourceRecord
from streams.wire.times import epoch_ms

CONSOLE_SOURCE = "tocsin-console"
"""The ce_source of everything that consoles publish. Their ids are unique by themselves."""

_CASE_WORK = msgspec.json.Decoder(CaseWork)
_REQUEST_WORK = msgspec.json.Decoder(RequestWork)


def apply_case_activity(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Add an act, and say whether it counted. Raises Rejected if the record holds no valid act.

    All acts on a case are in one partition, so the verdict is the same wherever and whenever it is read.
    """
    act, ce_source, at_ms = decode_case_activity(record.value, record.headers, record.timestamp)
    case = case_key(act)
    refused: str | None = None
    if writer.execute("SELECT 1 FROM act WHERE activity_id = ?", (act.activity_id,)).fetchone():
        refused = "sent_before"
    else:
        before = (
            work_on(writer, case.id) if case.subject == "escalation" else work_on_request(writer, case.id)
        )
        try:
            after = apply_act(before, act)
        except ActRefused as refusal:
            refused = refusal.reason
        else:
            writer.execute("INSERT OR REPLACE INTO case_work VALUES (?, ?, ?)", (*case, encode(after)))
            # Who publishes acts under another name publishes the outcomes too.
            if after.decision != before.decision and ce_source == CONSOLE_SOURCE:
                _put_decision(writer, act, case, after)
    writer.execute(
        "INSERT INTO act VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*case, record.partition, record.offset, act.activity_id, at_ms, refused, encode(act)),
    )
    (changes.cases if case.subject == "escalation" else changes.requests).add(case.id)


def work_on(connection: sqlite3.Connection, escalation_id: str) -> CaseWork:
    """The work on an escalation so far."""
    kept = _kept(connection, CaseKey("escalation", escalation_id))
    return CaseWork() if kept is None else _CASE_WORK.decode(kept)


def work_on_request(connection: sqlite3.Connection, request_id: str) -> RequestWork:
    """The work on an authority's request so far."""
    kept = _kept(connection, CaseKey("request", request_id))
    return RequestWork() if kept is None else _REQUEST_WORK.decode(kept)


def _kept(connection: sqlite3.Connection, case: CaseKey) -> bytes | None:
    row = connection.execute("SELECT work FROM case_work WHERE subject = ? AND case_id = ?", case).fetchone()
    return None if row is None else row[0]


def _put_decision(writer: sqlite3.Connection, act: CaseActivity, case: CaseKey, work: Work[Any]) -> None:
    decision = work.decision
    assert decision is not None
    writer.execute(
        "INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            decision.activity_id,
            *case,
            act.channel_ref,
            epoch_ms(decision.at),
            last_follow_up(case.subject, decision),
            encode(decision),
        ),
    )
