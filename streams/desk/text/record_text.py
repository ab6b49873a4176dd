"""Records of Tocsin's topics as text, one or two lines each, and as JSON."""

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import orjson

from streams.contract.events.clock import ClockView
from streams.contract.events.dead_letter import ReportRefusal
from streams.contract.events.enriched_report import EnrichedReport, Jurisdiction
from streams.contract.events.escalation import Condition, Escalation
from streams.contract.events.transparency import ReportCount, RequestCount, TransparencyCounter
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import (
    AUTHORITY_REQUESTS,
    AUTHORITY_ROUTING,
    CASE_ACTIVITY,
    CLOCK_OUTCOMES,
    DEAD_LETTERS,
    DETECTOR_FEEDBACK,
    ENRICHED_REPORTS,
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    MODERATION_OUTCOMES,
    REFUSALS,
    REPORTER_NOTICES,
    REVIEW_QUESTIONS,
    TRANSPARENCY_COUNTERS,
)
from streams.desk.text.crowd_text import integrity_text, question_text
from streams.desk.text.desk_text import (
    activity_line,
    clock_outcome_line,
    feedback_line,
    moderation_line,
    notice_line,
    question_line,
)
from streams.desk.text.routing_text import minute, request_line, routing_line

_ESCALATION = msgspec.json.Decoder(Escalation)
_ENRICHED_REPORT = msgspec.json.Decoder(EnrichedReport)
_REFUSAL = msgspec.json.Decoder(ReportRefusal)
_COUNTER = msgspec.json.Decoder(TransparencyCounter)

# A country with a lower confidence is a mere hint from a reporter's home or a language.
_SHOWN_CONFIDENCE = 0.5


def decode_escalation(record: SourceRecord) -> Escalation:
    """Decode the escalation in a record. Raises msgspec.DecodeError if it holds something else."""
    return _ESCALATION.decode(record.value or b"")


def caused_by_answer(escalation: Escalation) -> bool:
    """Return whether a desk's answer to a question caused the event of an episode."""
    return escalation.clock is None and any(
        MODERATION_OUTCOMES in place for place in escalation.trace.partition_offsets
    )


def escalation_text(escalation: Escalation) -> str:
    """What happened, as in `12:30:00 opened   fraud level 1, internal_review`."""
    return (
        f"{escalation.at[11:19]} {escalation.type:<8} "
        f"{escalation.policy} level {escalation.level}, {escalation.level_name}"
    )


def escalation_grounds(escalation: Escalation) -> str:
    """Why it happened: reason, conditions with values, likely countries, and warnings for the reviewer.

    For a clock, the duty, its action, its due time and the share of time elapsed replace the conditions.
    """
    if escalation.clock is None:
        numbers = conditions_text(escalation.conditions)
    else:
        numbers = _clock_numbers(escalation, escalation.clock)
    remarks = [f"{escalation.reason}: {numbers}" if numbers else escalation.reason]
    where = likely_countries(escalation.jurisdictions)
    if where:
        remarks.append(" ".join(where))
    crowd = integrity_text(escalation.integrity)
    if crowd:
        remarks.append(crowd)
    if escalation.question is not msgspec.UNSET:
        remarks.append(question_text(escalation.question))
    if escalation.digest is not msgspec.UNSET:
        remarks.append(f"{escalation.digest.waiting:,} more cases wait for the budget")
    if escalation.rule_of_law.decision != "human_review":
        remarks.append(escalation.rule_of_law.decision)
    return "; ".join(remarks)


def likely_countries(jurisdictions: Iterable[Jurisdiction]) -> list[str]:
    """The codes of the jurisdictions with a confidence of at least 0.5."""
    return [row.code for row in jurisdictions if row.confidence >= _SHOWN_CONFIDENCE]


def _clock_numbers(escalation: Escalation, clock: ClockView) -> str:
    action = escalation.obligations[0].action
    return f"{clock.obligation}, {action}, due {minute(clock.due_at)}, {clock.elapsed:.0%} elapsed"


def conditions_text(conditions: Iterable[Condition]) -> str:
    """Conditions with their values, as in `reports 21 >= 20, any of (risk 0.41 >= 0.4)`."""
    texts = [_condition_text(condition) for condition in conditions if not condition.any_of]
    any_of = [_condition_text(condition) for condition in conditions if condition.any_of]
    if any_of:
        texts.append(f"any of ({', '.join(any_of)})")
    return ", ".join(texts)


def value_text(condition: Condition, digits: int) -> str:
    """A condition's value with so many digits, or all if only they show how it stands to the threshold."""
    text = f"{condition.value:.{digits}f}"
    if msgspec.structs.replace(condition, value=float(text)).relation != condition.relation:
        return f"{condition.value:.6f}".rstrip("0")
    return text


def _condition_text(condition: Condition) -> str:
    # Counts are whole numbers. Risk is a sum of probabilities, in which more than two digits mean nothing.
    value = value_text(condition, 2).removesuffix(".00")
    return f"{condition.measure} {value} {condition.relation} {condition.threshold:.15g}"


def _escalation_line(record: SourceRecord) -> str:
    escalation = decode_escalation(record)
    # With the id, which `tocsin clock` takes.
    clock = f", clock {escalation.clock.clock_id}" if escalation.clock else ""
    return (
        f"{escalation_text(escalation)}, channel {escalation.channel_ref}{clock}"
        f"\n         {escalation_grounds(escalation)}"
    )


def _enriched_line(record: SourceRecord) -> str:
    enriched = _ENRICHED_REPORT.decode(record.value or b"")
    report = enriched.report
    where = " ".join(f"{row.code} {row.confidence:.2f}" for row in enriched.jurisdictions)
    windows = ", ".join(
        f"{window.window}: {window.reports} reports by {window.distinct_reporters}, risk {window.risk:.2f}"
        for window in enriched.channel_windows
    )
    late = "" if enriched.counted else f", not counted: {enriched.not_counted_reason}"
    if enriched.possible_repeat:
        late += ", may be a repeat"
    return (
        f"{report.occurred_at:%H:%M:%S} {report.category}, channel {report.channel.ref}, "
        f"risk {enriched.risk.score:.3f}, {where}{late}\n         {windows}"
    )


def _counter_line(record: SourceRecord) -> str:
    counter = _COUNTER.decode(record.value or b"")
    rows: list[ReportCount | RequestCount] = [*counter.reports, *counter.requests]
    parts = [f"{row.count:,} {_counted_kind(row)}" for row in rows]
    for name in ("items", "decisions", "action_times", "complaints", "orders", "suspensions"):
        counts = getattr(counter, name)
        if counts:
            parts.append(f"{sum(row.count for row in counts):,} {name.replace('_', ' ')}")
    return (
        f"{counter.date} {counter.stage}, {counter.country} {counter.category}: "
        f"{sum(row.count for row in rows):,} in partition {counter.partition}\n         {', '.join(parts)}"
    )


def _counted_kind(row: ReportCount | RequestCount) -> str:
    if isinstance(row, RequestCount):
        return f"{row.kind} {row.decision}{f' ({row.refusal})' if row.refusal else ''}"
    marks = ", ".join(name for name in ("late", "escalated") if getattr(row, name))
    return f"{row.kind} by {row.source}{f' ({marks})' if marks else ''}"


def _dead_letter_line(record: SourceRecord) -> str:
    headers = _headers(record)
    place = "/".join(headers.get(f"tocsin-{part}", "?") for part in ("topic", "partition", "offset"))
    return (
        f"{reason_of(record)}: {headers.get('tocsin-field', '?')}: "
        f"{headers.get('tocsin-detail', '?')}\n         {place}, {len(record.value or b'')} bytes"
    )


def _refusal_line(record: SourceRecord) -> str:
    told = _REFUSAL.decode(record.value or b"")
    last = ", the last of this hour" if told.last_of_hour else ""
    return (
        f"{told.published_at:%H:%M:%S} {told.reason}: {told.field}: {told.detail}\n"
        f"         report {told.report_id or told.ce_id or '?'} of {told.ce_source}, "
        f"{told.topic}/{told.partition}/{told.offset}{last}"
    )


def reason_of(record: SourceRecord) -> str:
    """The reason for which a dead letter was refused, or `?`."""
    return _headers(record).get("tocsin-reason", "?")


def _headers(record: SourceRecord) -> dict[str, str]:
    return {name: (value or b"").decode(errors="replace") for name, value in record.headers}


def _or_refused(line: Callable[[SourceRecord], str]) -> Callable[[SourceRecord], str]:
    """Wrap `line` for topics that others write: for a record that a worker refuses, show the reason."""

    def line_or_reason(record: SourceRecord) -> str:
        try:
            return line(record)
        except Rejected as rejected:
            return f"refused: {rejected}"

    return line_or_reason


READABLE: Mapping[str, Callable[[SourceRecord], str]] = {
    ESCALATIONS: _escalation_line,
    ESCALATIONS_SHADOW: _escalation_line,
    ENRICHED_REPORTS: _enriched_line,
    AUTHORITY_ROUTING: routing_line,
    AUTHORITY_REQUESTS: _or_refused(request_line),
    CLOCK_OUTCOMES: _or_refused(clock_outcome_line),
    MODERATION_OUTCOMES: _or_refused(moderation_line),
    CASE_ACTIVITY: _or_refused(activity_line),
    REPORTER_NOTICES: notice_line,
    REVIEW_QUESTIONS: question_line,
    DETECTOR_FEEDBACK: feedback_line,
    TRANSPARENCY_COUNTERS: _counter_line,
    DEAD_LETTERS: _dead_letter_line,
    REFUSALS: _refusal_line,
}
"""By topic, the text that `tocsin tail` shows for a record.

Raises msgspec.DecodeError if it cannot be read.
"""


def as_json(record: SourceRecord) -> str:
    """One line: key, headers and value.

    If the value is not JSON, `value` is null and `value_base64` holds it.
    """
    row: dict[str, Any] = {
        "key": None if record.key is None else record.key.decode(errors="replace"),
        "headers": _headers(record),
    }
    try:
        row["value"] = orjson.loads(record.value) if record.value else None
    except orjson.JSONDecodeError:
        row |= {"value": None, "value_base64": base64.b64encode(record.value or b"").decode()}
    return orjson.dumps(row).decode()
