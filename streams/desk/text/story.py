"""The events of one escalation as text, in order."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from streams.contract.events.clock import ClockView
from streams.contract.events.escalation import Escalation
from streams.contract.events.obligation import EscalatedObligation
from streams.desk.text.crowd_text import (
    digest_text,
    integrity_rows,
    priority_text,
    question_text,
    voices_rows,
)
from streams.desk.text.duty_words import marks_words, signature_words, why_no_clock
from streams.desk.text.record_text import caused_by_answer, value_text
from streams.desk.text.routing_text import minute
from streams.desk.text.text_table import text_table

_Rows = list[tuple[str, str]]

_WIDTH: Final = 110

# Reasons of events that were caused by an outcome on clock-outcomes, not by a report or by time.
_CAUSED_BY_OUTCOME = frozenset({"clock_fulfilled", "clock_withdrawn", "clock_paused", "clock_resumed"})


def story(events: Sequence[Escalation]) -> str:
    """The events of one escalation as text. `events` are in the order of their sequence."""
    newest = events[-1]
    lines = [
        f"escalation {newest.escalation_id}: {newest.status}",
        *textwrap.wrap(_in_short(events), _WIDTH),
        "",
        *_block(_about_episode(newest) if newest.clock is None else _about_clock(newest, newest.clock)),
    ]
    if events[0].sequence != 1:
        lines.append(f"  (the events before event {events[0].sequence} are no longer in the log)")
    before: Escalation | None = None
    for event in events:
        lines += ["", *_event(event, before)]
        before = event
    return "\n".join(lines)


def _in_short(events: Sequence[Escalation]) -> str:
    """What happened, in one or two sentences, as far as the events are still in the log."""
    newest = events[-1]
    if newest.clock is not None:
        ran = f"It started at {minute(newest.clock.started_at)} and is due at {minute(newest.clock.due_at)}"
        return f"A legal clock: {newest.policy_reason.rstrip('.')}. {ran}; it is {newest.clock.status}."
    reached = []
    for event in events:
        if event.type == "opened" or event.reason == "level_raised":
            counts = event.counts
            reached.append(
                f"level {event.level} {event.level_name} at {minute(event.at)} with {counts.reports:,} report"
                f"{'' if counts.reports == 1 else 's'}"
            )
    course = f"The policy {newest.policy} reached {', '.join(reached)}." if reached else ""
    now = (
        "It is open."
        if newest.status == "open"
        else f"It was resolved at {minute(newest.at)}: {newest.reason}."
    )
    return f"{course} {now}".strip()


def _about_episode(newest: Escalation) -> _Rows:
    return [
        ("policy", f"{newest.policy} ({newest.mode}), counting {', '.join(newest.categories)}"),
        ("because", newest.policy_reason),
        ("channel", newest.channel_ref),
        ("began with", f"report {newest.trace.first_report_id}"),
    ]


def _about_clock(newest: Escalation, clock: ClockView) -> _Rows:
    (duty,) = newest.obligations
    armed = (
        f"because the report alone meets the trigger {duty.trigger}, has every element that the duty "
        "requires, and the duty's row sets a time limit whose mark allows a clock"
    )
    authority = f"; supervised by {duty.authority}" if duty.authority else ""
    return [
        ("clock of", f"{clock.obligation}: {newest.policy_reason}"),
        ("source", duty.source_url),
        ("row", ", ".join(part for part in (marks_words(clock.marks), signature_words(duty.signed)) if part)),
        ("requires", f"{duty.action}{authority}"),
        ("started", f"{minute(clock.started_at)}, with report {newest.trace.first_report_id}"),
        ("due", f"{minute(clock.due_at)}; {clock.status}"),
        ("armed", armed),
        ("channel", newest.channel_ref),
    ]


def _held_back(event: Escalation) -> _Rows:
    rows: _Rows = []
    if event.question is not msgspec.UNSET:
        asked = f" (question {event.question.id})" if event.question.id else ""
        rows.append(("asked", f"{question_text(event.question)}{asked}"))
    if event.digest is not msgspec.UNSET:
        rows.append(("digest", digest_text(event.digest)))
    return rows


def _event(event: Escalation, before: Escalation | None) -> Iterator[str]:
    yield (
        f"{event.sequence}. {event.at}  {event.type}, level {event.level} {event.level_name}: {event.reason}"
    )
    if event.clock is None:
        yield from _conditions(event)
        rows = _measured(event)
    else:
        clock = event.clock
        rows = [("clock", f"{clock.status}, {clock.elapsed:.0%} elapsed, due {minute(clock.due_at)}")]
    rows += _held_back(event)
    if event.priority is not msgspec.UNSET and event.status == "open":
        rows.append(("priority", priority_text(event.priority)))
    rows.append(("caused by", _cause(event)))
    if event.message_refs and (before is None or event.clock is None):
        rows.append(("messages", ", ".join(event.message_refs)))
    # The rest is shown only where it changed since the event before.
    if before is None or event.jurisdictions != before.jurisdictions:
        places = ", ".join(f"{row.code} {row.confidence:g} ({row.basis})" for row in event.jurisdictions)
        rows.append(("where", places or "unknown"))
    if event.clock is None and (before is None or event.obligations != before.obligations):
        rows += [("duty", _duty(row)) for row in event.obligations]
    if before is None or event.rule_of_law != before.rule_of_law:
        law = event.rule_of_law
        rows.append(("rule of law", f"{law.tier}, {law.decision}: {' '.join(law.reasons)}"))
    if before is None or event.routing != before.routing:
        rows += [("goes to", f"{row.recipient}, gate {row.gate}: {row.reason}") for row in event.routing]
    versions = (event.policy_version, event.registry_version)
    if before is None or versions != (before.policy_version, before.registry_version):
        rows.append(("versions", f"policy {versions[0]}, registry {versions[1]}"))
    yield from _block(rows, indent="     ")


def _conditions(event: Escalation) -> Iterator[str]:
    if event.conditions:
        table = text_table(
            ("condition", "was", "", "threshold"),
            [
                (
                    f"any of: {row.measure}" if row.any_of else row.measure,
                    value_text(row, 3).rstrip("0").rstrip("."),
                    row.relation,
                    f"{row.threshold:.15g}",
                )
                for row in event.conditions
            ],
        )
        yield from (f"     {line}" for line in table.splitlines())


def _measured(event: Escalation) -> _Rows:
    counts, score = event.counts, event.score
    counted = (
        f"{counts.reports} reports by {counts.distinct_reporters} distinct reporters (n_eff "
        f"{counts.n_eff:g}), trusted flaggers {counts.trusted_flaggers}, detectors {counts.automated}, state "
        f"actors {counts.state_actors}"
    )
    parts = " + ".join(f"{name} {_number(part)}" for name, part in score.components.items())
    return [
        ("window", f"{event.window.start} to {event.window.end}"),
        ("counted", counted),
        *voices_rows(counts),
        ("risk", f"{_number(score.value)}{f' = {parts}' if parts else ''}"),
        *integrity_rows(event.integrity),
    ]


def _block(rows: Sequence[tuple[str, str]], indent: str = "  ") -> list[str]:
    return [f"{indent}{name:<11} {text}" for name, text in rows]


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _cause(event: Escalation) -> str:
    places = ", ".join(f"{place}/{offset}" for place, offset in event.trace.partition_offsets.items())
    place = f" at {places}" if places else ""
    if event.reason in _CAUSED_BY_OUTCOME:
        actor = event.clock.actor if event.clock is not None else None
        return f"an outcome recorded by {actor or 'a desk'}{place}"
    if caused_by_answer(event):
        return f"the answer of a desk{place}; the newest report is {event.trace.last_report_id}"
    caused_by_time = event.type != "opened" if event.clock is not None else event.type == "resolved"
    if caused_by_time:
        return f"the passing of time; the newest report is {event.trace.last_report_id}{place}"
    return f"report {event.trace.last_report_id}{place}"


def _duty(obligation: EscalatedObligation) -> str:
    clock = f"clock {obligation.clock_status}"
    if obligation.due_at:
        clock += f", due {minute(obligation.due_at)}"
    if isinstance(obligation.period_ends_at, str):
        clock += f" (the period ends {minute(obligation.period_ends_at)})"
    if obligation.not_armed_reason:
        name = "advisory" if obligation.advisory else obligation.not_armed_reason
        clock += f" ({name}: {why_no_clock(obligation)})"
    if obligation.target:
        until = f" ({minute(obligation.target_at)})" if obligation.target_at else ""
        what = "it would be due within" if obligation.advisory else "internal target"
        clock += f", {what} {obligation.target}{until}"
    known = [
        obligation.action,
        obligation.trigger,
        obligation.standard,
        obligation.authority,
        clock,
        f"row {signature_words(obligation.signed)}",
        obligation.source_url,
    ]
    return f"{obligation.id}: {', '.join(part for part in known if part)}"
