"""Writes acts on cases, and what they add up to."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec

from streams.contract.events.case_activity import CaseActivity
from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.case_activity_decoding import decode_case_activity
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.times import epoch_ms
from streams.desk.console.casework.follow_ups import last_follow_up
from streams.desk.console.casework.work import (
    ActRefused,
    CaseKey,
    CaseSubject,
    CaseWork,
    IntegrityWork,
    RequestWork,
    Work,
    apply_act,
    case_key,
)
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.statements import SQL
from streams.desk.text.judged_text import judged_text

CONSOLE_SOURCE = "tocsin-console"
"""The ce_source of everything that consoles publish. Their ids are unique by themselves."""

_NO_WORK: Mapping[CaseSubject, Work[Any]] = {
    "escalation": CaseWork(),
    "request": RequestWork(),
    "integrity": IntegrityWork(),
}
_DECODERS = {subject: msgspec.json.Decoder(type(work)) for subject, work in _NO_WORK.items()}
_ACT = msgspec.json.Decoder(CaseActivity)


class _Place(NamedTuple):
    """Where an act is in the order of the acts on its case."""

    order_ms: int
    partition: int
    offset: int


class _PlacedAct(NamedTuple):
    place: _Place
    act: CaseActivity
    of_console: bool


def apply_case_activity(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Add an act, and say whether it counted. Raises Rejected if the record holds no valid act.

    The acts on a case are in one partition, and the order there says who was first. Where a publisher uses
    another partitioner, or the topic was given more partitions, acts on one case may be in several: then the
    append time decides between partitions, so that every console still comes to the same answer, whatever it
    reads first.
    """
    act, ce_source, at_ms = decode_case_activity(record.value, record.headers, record.timestamp)
    if act.proposed is not None:
        changes.require_known(act.proposed.category, "proposed.category")
    case = case_key(act)
    last, before = _last_place(writer, case), _last_place(writer, case, record.partition)
    if before is not None and before.offset >= record.offset:
        return
    # Never earlier than the act before it in the partition: clocks of brokers differ.
    order_ms = record.timestamp if before is None else max(before.order_ms, record.timestamp)
    new = _PlacedAct(_Place(order_ms, record.partition, record.offset), act, ce_source == CONSOLE_SOURCE)
    values = (*case, record.partition, record.offset, order_ms, act.activity_id, at_ms)
    writer.execute(SQL["put_act"], (*values, new.of_console, encode(act)))
    if last is None or last < new.place:
        _settle(writer, case, _work(writer, case), [new])
    else:
        writer.execute(SQL["forget_decisions"], case)
        _settle(writer, case, _NO_WORK[case.subject], _acts_in_order(writer, case))
    changed = {
        "escalation": changes.escalations,
        "request": changes.requests,
        "integrity": changes.integrity_cases,
    }
    changed[case.subject].add(case.id)


def work_on(connection: sqlite3.Connection, escalation_id: str) -> CaseWork:
    """The work on an escalation so far."""
    return cast(CaseWork, _work(connection, CaseKey("escalation", escalation_id)))


def work_on_request(connection: sqlite3.Connection, request_id: str) -> RequestWork:
    """The work on an authority's request so far."""
    return cast(RequestWork, _work(connection, CaseKey("request", request_id)))


def work_on_integrity(connection: sqlite3.Connection, case_id: str) -> IntegrityWork:
    """The work on an integrity case so far."""
    return cast(IntegrityWork, _work(connection, CaseKey("integrity", case_id)))


def work_columns(work: Work[Any]) -> dict[str, int | str | None]:
    """What the rows of cases and of requests say of who works on one, and how far that has come."""
    return {
        "assignee": None if work.assignee is None else work.assignee.ref,
        "claimed_until_ms": None if work.claimed_until is None else epoch_ms(work.claimed_until),
        "snoozed_until_ms": None if work.snoozed_until is None else epoch_ms(work.snoozed_until),
        "version": work.version,
        "proposer": None if work.proposal is None else work.proposal.actor.ref,
        "proposed": None if work.proposal is None else judged_text(work.proposal.outcome),
    }


def last_acted_ms(connection: sqlite3.Connection, case: CaseKey) -> int:
    """When somebody last did something with a case, whether it counted or not; 0 if nobody did."""
    (at_ms,) = connection.execute(SQL["last_acted"], case).fetchone()
    return at_ms or 0


def _work(connection: sqlite3.Connection, case: CaseKey) -> Work[Any]:
    kept = _kept(connection, case)
    return _NO_WORK[case.subject] if kept is None else _DECODERS[case.subject].decode(kept)


def _kept(connection: sqlite3.Connection, case: CaseKey) -> bytes | None:
    row = connection.execute(SQL["work"], case).fetchone()
    return None if row is None else row[0]


def _last_place(writer: sqlite3.Connection, case: CaseKey, partition: int | None = None) -> _Place | None:
    """The place of the last act on a case, of those in one partition if it is given."""
    values = {"subject": case.subject, "case": case.id, "partition": partition}
    row = writer.execute(SQL["last_act"], values).fetchone()
    return None if row is None else _Place(*row)


def _acts_in_order(writer: sqlite3.Connection, case: CaseKey) -> list[_PlacedAct]:
    rows = writer.execute(SQL["acts"], case).fetchall()
    return [
        _PlacedAct(_Place(order_ms, partition, offset), _ACT.decode(event), bool(of_console))
        for order_ms, partition, offset, event, of_console, _ in rows
    ]


def _settle(writer: sqlite3.Connection, case: CaseKey, work: Work[Any], acts: Sequence[_PlacedAct]) -> None:
    """Say of each act whether it counts after `work`, and keep what they add up to."""
    for place, act, of_console in acts:
        before, refused = work, None
        if _sent_before(writer, case, act.activity_id, place):
            refused = "sent_before"
        else:
            try:
                work = apply_act(work, act)
            except ActRefused as refusal:
                refused = refusal.reason
        writer.execute(SQL["set_refused"], (refused, *case, place.partition, place.offset))
        # Who publishes acts under another name publishes the outcomes too. From a conclusion nothing follows.
        if work.decision != before.decision and of_console and case.subject != "integrity":
            _put_decision(writer, act, case, work)
    writer.execute(SQL["put_work"], (*case, encode(work)))


def _sent_before(writer: sqlite3.Connection, case: CaseKey, activity_id: str, place: _Place) -> bool:
    found = writer.execute(SQL["sent_before"], (activity_id, *case, *place))
    return found.fetchone() is not None


def _put_decision(writer: sqlite3.Connection, act: CaseActivity, case: CaseKey, work: Work[Any]) -> None:
    decision = work.decision
    assert decision is not None
    writer.execute(
        SQL["put_decision"],
        (
            *case,
            decision.activity_id,
            act.channel_ref,
            epoch_ms(decision.at),
            last_follow_up(case.subject, decision),
            encode(decision),
        ),
    )
