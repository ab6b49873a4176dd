"""Records of Tocsin's topics as a person reads them, one or two lines each, and as JSON."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import orjson

from streams.events.enriched_report import EnrichedReport
from streams.events.escalation import Condition, Escalation
from streams.events.record import SourceRecord

_ESCALATION = msgspec.json.Decoder(Escalation)
_ENRICHED_REPORT = msgspec.json.Decoder(EnrichedReport)

# Below an even chance a country is a hint from a reporter's home or a language.
_SHOWN_CONFIDENCE = 0.5


def decode_escalation(record: SourceRecord) -> Escalation:
    """The escalation in a record. Raises msgspec.DecodeError when it holds something else."""
    return _ESCALATION.decode(record.value or b"")


def escalation_text(escalation: Escalation) -> str:
    """What happened to a channel: `12:30:00 opened   fraud level 1, internal_review`."""
    return (
        f"{escalation.at[11:19]} {escalation.type:<8} "
        f"{escalation.policy} level {escalation.level}, {escalation.level_name}"
    )


def escalation_grounds(escalation: Escalation) -> str:
    """Why: the reason, each condition with its number and threshold, countries, and what a reviewer must beware of."""
    numbers = ", ".join(_condition_text(condition) for condition in escalation.conditions)
    remarks = [f"{escalation.reason}: {numbers}" if numbers else escalation.reason]
    where = [row.code for row in escalation.jurisdictions if row.confidence >= _SHOWN_CONFIDENCE]
    if where:
        remarks.append(" ".join(where))
    if escalation.integrity.brigade_suspected:
        remarks.append("brigade suspected")
    if escalation.rule_of_law.decision != "human_review":
        remarks.append(escalation.rule_of_law.decision)
    return "; ".join(remarks)


def _condition_text(condition: Condition) -> str:
    comparison = ">=" if condition.value >= condition.threshold else "<"
    # Counts are whole numbers, risk is a sum of probabilities that means nothing beyond two digits.
    value = f"{condition.value:.2f}".removesuffix(".00")
    return f"{condition.measure} {value} {comparison} {condition.threshold:g}"


def _escalation_line(record: SourceRecord) -> str:
    escalation = decode_escalation(record)
    return f"{escalation_text(escalation)}, channel {escalation.channel_ref}\n         {escalation_grounds(escalation)}"


def _enriched_line(record: SourceRecord) -> str:
    enriched = _ENRICHED_REPORT.decode(record.value or b"")
    report = enriched.report
    where = " ".join(f"{row.code} {row.confidence:.2f}" for row in enriched.jurisdictions)
    windows = ", ".join(
        f"{window.window}: {window.reports} reports by {window.distinct_reporters}, risk {window.risk:.2f}"
        for window in enriched.channel_windows
    )
    late = "" if enriched.counted else f", not counted: {enriched.not_counted_reason}"
    return (
        f"{report.occurred_at:%H:%M:%S} {report.category}, channel {report.channel.ref}, "
        f"risk {enriched.risk.score:.3f}, {where}{late}\n         {windows}"
    )


def _dead_letter_line(record: SourceRecord) -> str:
    headers = _headers(record)
    place = "/".join(headers.get(f"tocsin-{part}", "?") for part in ("topic", "partition", "offset"))
    return (
        f"{reason_of(record)}: {headers.get('tocsin-field', '?')}: "
        f"{headers.get('tocsin-detail', '?')}\n         {place}, {len(record.value or b'')} bytes"
    )


def reason_of(record: SourceRecord) -> str:
    """Why a dead letter is one."""
    return _headers(record).get("tocsin-reason", "?")


def _headers(record: SourceRecord) -> dict[str, str]:
    return {name: (value or b"").decode(errors="replace") for name, value in record.headers}


READABLE: Mapping[str, Callable[[SourceRecord], str]] = {
    "escalations": _escalation_line,
    "escalations-shadow": _escalation_line,
    "enriched-reports": _enriched_line,
    "dead-letters": _dead_letter_line,
}


def as_json(record: SourceRecord) -> str:
    """One line: key, headers and value. Bytes that are no JSON are in `value_base64`, and `value` is null then."""
    row: dict[str, Any] = {
        "key": None if record.key is None else record.key.decode(errors="replace"),
        "headers": _headers(record),
    }
    try:
        row["value"] = orjson.loads(record.value) if record.value else None
    except orjson.JSONDecodeError:
        row |= {"value": None, "value_base64": base64.b64encode(record.value or b"").decode()}
    return orjson.dumps(row).decode()
