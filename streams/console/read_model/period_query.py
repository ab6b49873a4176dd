"""Reads what is still open of a period for which a transparency report is made."""

import sqlite3
from typing import NamedTuple

from streams.console.read_model.acts import CONSOLE_SOURCE
from streams.wire.envelope import rfc3339


class OpenInPeriod(NamedTuple):
    """What of a period has not ended, and so may still change its numbers; counts over all categories.

    Cases that wait for a decision, how many of them wait for a second person, legal clocks, authorities' requests without
    an answer, decisions without the outcome that follows from them, and upheld outcomes that hold and do not say what was
    done.
    """

    cases: int
    proposals: int
    clocks: int
    requests: int
    decisions_without_outcome: int
    outcomes_without_action: int


def open_in_period(reader: sqlite3.Connection, first_ms: int, end_ms: int) -> OpenInPeriod:
    """Count what began before the end of a period and is open; of outcomes, those decided in it.

    The times are in ms since the epoch; `end_ms` no longer belongs to the period.
    """
    waiting = "SELECT count(*) FROM desk_row WHERE waits AND NOT is_clock AND opened_ms < ?"
    return OpenInPeriod(
        cases=_count(reader, waiting, end_ms),
        proposals=_count(reader, f"{waiting} AND state = 'proposed'", end_ms),
        # Published times all have the same form, so their order is that of the text.
        clocks=_count(
            reader,
            "SELECT count(*) FROM clock WHERE is_open AND json_extract(CAST(view AS TEXT), '$.started_at') < ?",
            rfc3339(end_ms),
        ),
        requests=_count(reader, "SELECT count(*) FROM request_row WHERE waits AND received_ms < ?", end_ms),
        decisions_without_outcome=_count(
            reader,
            """
            SELECT count(*) FROM decision WHERE decided_ms < ? AND last_follow_up IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM outcome WHERE ce_source = ? AND outcome_id = last_follow_up)
            AND NOT EXISTS (SELECT 1 FROM clock_outcome WHERE ce_source = ? AND outcome_id = last_follow_up)
            """,
            end_ms,
            CONSOLE_SOURCE,
            CONSOLE_SOURCE,
        ),
        outcomes_without_action=_count(
            reader,
            """
            SELECT count(*) FROM outcome AS said WHERE decided_ms >= ? AND decided_ms < ?
            AND json_extract(CAST(event AS TEXT), '$.decision') = 'upheld'
            AND json_extract(CAST(event AS TEXT), '$.action') IS NULL
            AND NOT EXISTS (
                SELECT 1 FROM outcome AS later WHERE later.channel_ref = said.channel_ref
                AND json_extract(CAST(later.event AS TEXT), '$.supersedes') = said.outcome_id
            )
            """,
            first_ms,
            end_ms,
        ),
    )


def _count(reader: sqlite3.Connection, query: str, *parameters: int | str) -> int:
    (number,) = reader.execute(query, parameters).fetchone()
    return int(number)
