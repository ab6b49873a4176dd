"""Publishing the changes of a report's clocks; each clock is an escalation of its own."""

from collections.abc import Mapping

import msgspec

from streams.contract.events.clock import ClockView
from streams.contract.events.escalation import (
    ESCALATION_TYPE,
    Condition,
    Escalation,
    EscalationReason,
    Priority,
    Window,
)
from streams.contract.events.report import Category
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers, rfc3339
from streams.contract.wire.ids import stable_id, step_id
from streams.contract.wire.records import Headers, OutputRecord
from streams.contract.wire.topics import ESCALATIONS
from streams.counting.measures import MILLION
from streams.deciding.clocks.clock import Clock, due_time, elapsed
from streams.deciding.clocks.life import ClockChange, ClockEvent
from streams.deciding.clocks.store import ClockKey, LegalClock
from streams.deciding.partition.legal_clocks import OutcomeTrace
from streams.deciding.partition.replay import outcome_headers
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.escalation.escalations import severity_in_millionths
from streams.deciding.reports.escalation.priority import NO_PRIORITY, priority
from streams.deciding.reports.rules import ReportRules

# By the number of steps taken: name of the level, and the share of the time at which it begins.
LEVELS: tuple[tuple[str, float], ...] = (("armed", 0.0), ("half", 0.5), ("nine_tenths", 0.9), ("lapsed", 1.0))

# Not `over`: a report arms no retention period.
_REASONS: Mapping[ClockEvent, EscalationReason] = {
    "armed": "clock_armed",
    "half": "clock_half",
    "nine_tenths": "clock_nine_tenths",
    "lapsed": "clock_lapsed",
    "paused": "clock_paused",
    "resumed": "clock_resumed",
    "fulfilled": "clock_fulfilled",
    "withdrawn": "clock_withdrawn",
}

_decode = msgspec.json.Decoder(Escalation).decode


def clock_id(obligation: str, channel: str, ce_source: str, report_id: str) -> str:
    """Return the id of the clock that a report arms for a duty."""
    return stable_id("clock", obligation, channel, ce_source, report_id)


def clock_conditions(clock: Clock, at: int) -> tuple[Condition, ...]:
    """Return the share of the clock's time that has passed at `at`, and where the clock's level begins."""
    return (Condition("elapsed", elapsed(clock, at), LEVELS[clock.steps][1]),)


def clock_priority(rules: ReportRules, clock: Clock, at: int, risk: float, category: Category) -> Priority:
    """Return the priority of an open clock at `at` (ms), whose report has this risk: the voice of one."""
    return priority(
        at,
        due_time(clock),
        clock.steps + 1,
        round(risk * MILLION),
        MILLION,
        clock.started,
        severity=severity_in_millionths(rules, category),
        severity_points=rules.registry.severity_points,
    )


def publish_opening(batch: ReportBatch, key: ClockKey, opening: Escalation) -> bytes:
    """Publish the arming of a clock, and return the event's JSON."""
    value = encode(opening)
    _write(batch, key, opening.sequence, batch.state.time.now, value, ())
    return value


def publish_change(
    batch: ReportBatch, key: ClockKey, kept: LegalClock, change: ClockChange, trace: OutcomeTrace | None
) -> None:
    """Publish a change of a clock: its opening event, updated with the change."""
    opening = _decode(kept.opening)
    clock = kept.clock
    due_at = rfc3339(due_time(clock))
    origins = opening.trace
    headers: Headers = ()
    if trace is not None:
        place = f"{trace.origin.topic}/{trace.origin.partition}"
        origins = msgspec.structs.replace(origins, partition_offsets={place: trace.origin.offset})
        headers = outcome_headers(trace.applied, trace.ticks)
    event = msgspec.structs.replace(
        opening,
        sequence=kept.sequence,
        type="resolved" if change.ended else "updated",
        reason=_REASONS[change.event],
        status="resolved" if change.ended else "open",
        at=rfc3339(change.at),
        level=clock.steps + 1,
        level_name=LEVELS[clock.steps][0],
        window=Window(start=opening.window.start, end=due_at),
        conditions=clock_conditions(clock, change.at),
        obligations=(msgspec.structs.replace(opening.obligations[0], due_at=due_at),),
        clock=_with_marks(change.view, opening.clock),
        trace=origins,
        priority=NO_PRIORITY
        if change.ended
        else clock_priority(batch.rules, clock, change.at, opening.score.value, opening.category),
    )
    _write(batch, key, kept.sequence, change.at, encode(event), headers)


def _with_marks(view: ClockView, opening: ClockView | None) -> ClockView:
    """Return the clock with the marks that it had when it was armed."""
    return view if opening is None else msgspec.structs.replace(view, marks=opening.marks)


def _write(batch: ReportBatch, key: ClockKey, sequence: int, at: int, value: bytes, more: Headers) -> None:
    headers = [*event_headers(ESCALATION_TYPE, step_id(key.clock_id, sequence), at), *more]
    batch.outputs.append(OutputRecord(ESCALATIONS, None, key.ref.encode(), value, headers))
