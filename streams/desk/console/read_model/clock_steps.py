"""Reads what happened to a legal clock, step by step."""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from streams.desk.console.read_model.statements import SQL


class ClockStep(NamedTuple):
    """Something that happened to a clock: when, and the reason that the event gives or its times show.

    `lawyer_today`: why a lawyer must look at it since then.
    """

    at: str
    reason: str
    lawyer_today: tuple[str, ...] = ()


class _Happened(msgspec.Struct):
    """What is needed of an event to list it as a step of a clock."""

    at: str
    reason: str


_HAPPENED = msgspec.json.Decoder(_Happened)


class _Counted(msgspec.Struct):
    """From when until when a clock counts."""

    clock_id: str
    started_at: str
    due_at: str
    status: str


class _RequestStep(_Happened):
    """What is needed of a step of a request to list it as a step of one of its clocks."""

    clocks: tuple[_Counted, ...]
    lawyer_today: tuple[str, ...] = ()


_REQUEST_STEP = msgspec.json.Decoder(_RequestStep)


def clock_steps(reader: sqlite3.Connection, clock: sqlite3.Row) -> Iterator[ClockStep]:
    """What happened to a clock of the read model, in order."""
    if clock["subject"] == "report":
        for (event,) in reader.execute(SQL["escalation_events"], (clock["case_id"],)):
            happened = _HAPPENED.decode(event)
            yield ClockStep(happened.at, happened.reason)
        return
    before: _Counted | None = None
    # The judgement, whose clock_id is empty, arms the clock.
    for (event,) in reader.execute(SQL["steps_of_request_clock"], (clock["key"], clock["clock_id"])):
        happened = _REQUEST_STEP.decode(event)
        for now in happened.clocks:
            if now.clock_id != clock["clock_id"]:
                continue
            if before is None:
                yield ClockStep(now.started_at, "clock_armed")
                if now.status == "paused":
                    yield ClockStep(now.started_at, "clock_paused")
            elif now.started_at == before.started_at:
                yield ClockStep(happened.at, happened.reason, happened.lawyer_today)
            else:
                yield ClockStep(happened.at, _counted_anew(happened.at, before))
            before = now


def _counted_anew(at: str, before: _Counted) -> str:
    """Why a clock starts again at a time.

    Its event says that it resumed, but no end of a pause moves the start. Only a duty to keep what was
    removed does so: with the removal, and at its end for as long as none is reported.
    """
    removed = at != before.due_at
    return "counted_anew_from_the_removal" if removed else "counted_anew_while_no_removal_is_reported"
