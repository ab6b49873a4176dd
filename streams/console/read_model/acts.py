"""Writes acts on cases, and what they add up to."""

import sqlite3

import msgspec

from streams.console.casework.work import ActRefused, CaseWork, Decision, apply_act
from streams.console.read_model.changes import Changes
from streams.events.case_activity import CaseActivity
from streams.wire.case_activity_decoding import decode_case_activity
from streams.wire.encoding import encode
from streams.wire.records import SourceRecord
from streams.wire.times import epoch_ms

CONSOLE_SOURCE = "tocsin-console"
"""The ce_source of everything that consoles publish. Their ids are unique by themselves."""

_WORK = msgspec.json.Decoder(CaseWork)


def apply_case_activity(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Add an act, and say whether it counted. Raises Rejected if the record holds no valid act.

    All acts on a case are in one partition, so the verdict is the same wherever and whenever it is read.
    """
    act, ce_source, _ = decode_case_activity(record.value, record.headers, record.timestamp)
    refused: str | None = None
    sent_before = writer.execute(
        "SELECT 1 FROM act WHERE escalation_id = ? AND activity_id = ?", (act.escalation_id, act.activity_id)
    ).fetchone()
    if sent_before:
        refused = "sent_before"
    else:
        before = work_on(writer, act.escalation_id)
        try:
            after = apply_act(before, act)
        except ActRefused as refusal:
            refused = refusal.reason
        else:
            writer.execute(
                "INSERT OR REPLACE INTO case_work VALUES (?, ?)", (act.escalation_id, encode(after))
            )
            # Who publishes acts under another name publishes the outcomes too.
            if after.decision != before.decision and ce_source == CONSOLE_SOURCE:
                _put_decision(writer, act, after.decision)
    writer.execute(
        "INSERT INTO act VALUES (?, ?, ?, ?, ?, ?)",
        (act.escalation_id, record.partition, record.offset, act.activity_id, refused, encode(act)),
    )
    changes.cases.add(act.escalation_id)


def work_on(connection: sqlite3.Connection, escalation_id: str) -> CaseWork:
    """The work on a case so far."""
    row = connection.execute(
        "SELECT work FROM case_work WHERE escalation_id = ?", (escalation_id,)
    ).fetchone()
    return CaseWork() if row is None else _WORK.decode(row[0])


def _put_decision(writer: sqlite3.Connection, act: CaseActivity, decision: Decision | None) -> None:
    assert decision is not None
    writer.execute(
        "INSERT INTO decision VALUES (?, ?, ?, ?, ?)",
        (
            act.escalation_id,
            decision.activity_id,
            act.channel_ref,
            epoch_ms(decision.at),
            encode(decision),
        ),
    )
