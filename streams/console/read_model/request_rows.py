"""Makes the row of an authority's request from everything that is known about it."""

import sqlite3

import msgspec

from streams.console.casework.permissions import request_gate_needs_two
from streams.console.read_model.acts import work_on_request
from streams.console.read_model.clocks import NO_CLOCK, NearestClock
from streams.events.authority_routing import AuthorityRouting
from streams.wire.times import epoch_ms, moment_ms

_STEP = msgspec.json.Decoder(AuthorityRouting)


def refresh_request(writer: sqlite3.Connection, request_id: str) -> None:
    """Make the row of a request again. Acts may arrive before its first step: then there is no row yet."""
    steps = [
        _STEP.decode(event)
        for (event,) in writer.execute(
            "SELECT event FROM request_step WHERE request_id = ? ORDER BY clock_id, sequence", (request_id,)
        )
    ]
    if not steps or steps[0].type != "routed":
        return
    first = steps[0]
    work = work_on_request(writer, request_id)
    clock = _nearest_clock(writer, request_id)
    (acted_ms,) = writer.execute(
        "SELECT max(at_ms) FROM act WHERE subject = 'request' AND case_id = ?", (request_id,)
    ).fetchone()
    state = "open" if work.proposal is None else "proposed"
    if work.decision is not None and work.proposal is None:
        state = "answered"
    # What was answered waits for nobody, unless a clock still runs.
    waits = state != "answered" or clock is not None
    row = (
        request_id,
        first.category,
        first.authority.country,
        first.authority.type,
        first.kind,
        first.decision,
        first.gate,
        request_gate_needs_two(first),
        first.emergency,
        moment_ms(first.received_at),
        max(acted_ms or 0, *(moment_ms(step.at) for step in steps)),
        None if clock is None else clock.due_ms,
        None if clock is None else clock.obligation,
        None if work.assignee is None else work.assignee.ref,
        None if work.claimed_until is None else epoch_ms(work.claimed_until),
        None if work.snoozed_until is None else epoch_ms(work.snoozed_until),
        state,
        None if work.decision is None else work.decision.outcome.answer,
        work.version,
        waits,
        NO_CLOCK if clock is None else clock.due_ms,
    )
    marks = ", ".join("?" * len(row))
    writer.execute(f"INSERT OR REPLACE INTO request_row VALUES ({marks})", row)


def _nearest_clock(connection: sqlite3.Connection, request_id: str) -> NearestClock | None:
    """The open clock of the request that is due first."""
    row = connection.execute(
        """
        SELECT due_ms, obligation FROM clock
        WHERE subject = 'request' AND key = ? AND is_open AND status != 'paused' ORDER BY due_ms, clock_id LIMIT 1
        """,
        (request_id,),
    ).fetchone()
    return None if row is None else NearestClock(*row)
