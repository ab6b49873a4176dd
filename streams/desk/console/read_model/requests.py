"""Writes authorities' requests, step by step, their clocks, and their rows."""

import sqlite3

import msgspec

from streams.contract.events.authority_routing import AuthorityRouting
from streams.contract.wire.encoding import encode
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.times import moment_ms
from streams.desk.console.casework.permissions import request_gate_needs_two, sets_refusal_aside
from streams.desk.console.casework.work import CaseKey
from streams.desk.console.read_model.acts import last_acted_ms, work_columns, work_on_request
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.clocks import clock_columns, nearest_clock, put_clock
from streams.desk.console.read_model.desk.category_order import order_of
from streams.desk.console.read_model.statements import SQL
from streams.desk.text.request_sentence import request_facts

_STEP = msgspec.json.Decoder(AuthorityRouting)


def apply_request_step(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Add a step of a request.

    Raises msgspec.DecodeError if the record holds something else, ValueError if a time is none.
    """
    step = _STEP.decode(record.value or b"")
    changes.require_known(step.category, note=True)
    # The row of the request needs them.
    moment_ms(step.at)
    moment_ms(step.received_at)
    concerned = step.clocks[0].clock_id if step.type != "routed" else ""
    writer.execute(SQL["put_request_step"], (step.request_id, concerned, step.sequence, record.value))
    for clock in step.clocks:
        put_clock(
            writer,
            clock,
            step.sequence,
            subject="request",
            key=step.request_id,
            case_id=step.request_id,
            message_ref=None,
            category=step.category,
        )
    changes.requests.add(step.request_id)


def refresh_request(writer: sqlite3.Connection, request_id: str) -> None:
    """Make the row of a request again. Acts may arrive before its first step: then there is no row yet."""
    rows = writer.execute(SQL["request_steps"], (request_id,))
    steps = [_STEP.decode(event) for (event,) in rows]
    if not steps or steps[0].type != "routed":
        return
    first = steps[0]
    work = work_on_request(writer, request_id)
    case = CaseKey("request", request_id)
    clock = nearest_clock(writer, case)
    state = "open" if work.proposal is None else "proposed"
    if work.decision is not None and work.proposal is None:
        state = "answered"
    row = {
        "request_id": request_id,
        "category": first.category,
        "country": first.authority.country,
        "authority": first.authority.type,
        "kind": first.kind,
        "decision": first.decision,
        "gate": first.gate,
        "needs_two": request_gate_needs_two(first),
        "emergency": first.emergency,
        "facts": encode(request_facts(first)),
        "received_ms": moment_ms(first.received_at),
        "changed_ms": max(last_acted_ms(writer, case), *(moment_ms(step.at) for step in steps)),
        "state": state,
        "answer": None if work.decision is None else work.decision.outcome.answer,
        # What was answered waits for nobody, unless a clock still runs.
        "waits": state != "answered" or clock is not None,
        "sets_aside": work.proposal is not None and sets_refusal_aside(first, work.proposal.outcome),
        **order_of(writer, first.category).columns,
        **clock_columns(clock),
        **work_columns(work),
    }
    writer.execute(SQL["put_request_row"], row)
