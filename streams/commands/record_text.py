"""Records of Tocsin's topics as a person reads them, one or two lines each, and as JSON."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import orjson

from streams.events.enriched_report import EnrichedReport
from streams.events.escalation import Escalation
from streams.events.record import SourceRecord

_ESCALATION = msgspec.json.Decoder(Escalation)
_ENRICHED_REPORT = msgspec.json.Decoder(EnrichedReport)

# A country that is less likely than this says more about the method than about the case.
_SHOWN_CONFIDENCE = 0.3


def decode_escalation(record: SourceRecord) -> Escalation:
    """The escalation in a record. Raises msgspec.DecodeError when it holds something else."""
    return _ESCALATION.decode(record.value or b"")


def escalation_text(escalation: Escalation) -> str:
    """Two lines: what happened to which channel, and the numbers that made it happen."""
    head = (
        f"{escalation.at[11:19]} {escalation.type:<8} {escalation.policy}, "
        f"level {escalation.level} {escalation.level_name}, channel {escalation.channel_ref}"
    )
    numbers = ", ".join(
        f"{condition.measure} {condition.value:g} (threshold {condition.threshold:g})"
        for condition in escalation.conditions
    )
    where = [row.code for row in escalation.jurisdictions if row.confidence >= _SHOWN_CONFIDENCE]
    remarks = [f"{escalation.reason}: {numbers}" if numbers else escalation.reason]
    if where:
        remarks.append(" ".join(where))
    if escalation.integrity.brigade_suspected:
        remarks.append("brigade suspected")
    if escalation.rule_of_law.decision != "human_review":
        remarks.append(escalation.rule_of_law.decision)
    return f"{head}\n         {'; '.join(remarks)}"


def _escalation_line(record: SourceRecord) -> str:
    return escalation_text(decode_escalation(record))


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
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    place = "/".join(headers.get(f"tocsin-{part}", "?") for part in ("topic", "partition", "offset"))
    return (
        f"{headers.get('tocsin-reason', '?')}: {headers.get('tocsin-field', '?')}: "
        f"{headers.get('tocsin-detail', '?')}\n         {place}, {len(record.value or b'')} bytes"
    )


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
        "headers": {name: (value or b"").decode(errors="replace") for name, value in record.headers},
    }
    try:
        row["value"] = orjson.loads(record.value) if record.value else None
    except orjson.JSONDecodeError:
        row |= {"value": None, "value_base64": base64.b64encode(record.value or b"").decode()}
    return orjson.dumps(row).decode()
