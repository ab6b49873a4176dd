"""Reports with a stamp as they reach their channel, what desks decide about them, and the credits that
follow.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from streams.contract.events.internal.stamp import ReportStamp
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.checked_report import checked_report
from streams.contract.wire.forms.report_decoding import decode_report
from streams.contract.events.internal.passed_report import StampedReport
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.contract.wire.origin import own_place
from streams.contract.wire.records import OutputRecord
from streams.deciding.partition.batch import Batch
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.partition.replay import DECISIONS_HEADER
from tests import bundled
from tests.unit.traffic import INTERNAL, MINUTE, START, Record, report

KEY = DEMONSTRATION.current
# Of a reporter of whom nothing is known.
STAMP = ReportStamp("low", 0.25, 0.056, 0.0, 1.0, True, False, 0, 1)
_REASONS = {"upheld": "phishing", "dismissed": "not_a_violation", "manifestly_unfounded": "fabricated"}


def stamped(record: Record, partition: int = 0, partitions: int = 1, **stamp: Any) -> Record:
    """A published report as it comes back from the stage of reporters; `stamp` replaces fields of STAMP."""
    place = own_place(record)
    checked = checked_report(
        decode_report(record.value, record.headers, record.timestamp), place, record.headers
    )
    entry = StampedReport(checked, bundled.stored_stamp(STAMP._replace(**stamp)))
    written = STAMPED_REPORTS.record(partition, partitions, [entry])
    return record._replace(
        topic=INTERNAL, partition=partition, key=None, value=written.value, headers=written.headers
    )


def reported(*numbers: int, message: str = "m1", channel: str = "c", **stamp: Any) -> list[Record]:
    """One report about a message by each of the reporters u1, u2, ..., a minute apart."""
    return [
        stamped(report(number, START + number * MINUTE, message_ref=message, channel=channel), **stamp)
        for number in numbers
    ]


def outcome(
    number: int,
    decision: str,
    time: int,
    subject: dict[str, Any] | None = None,
    message: str = "m1",
    channel: str = "c",
    appended: int | None = None,
    **fields: Any,
) -> Record:
    """A record of an outcome about a message, decided at `time`; `number` sets its id and its offset."""
    body = {
        "outcome_id": f"o{number}",
        "subject": {"channel_ref": channel, **(subject or {"kind": "message", "message_ref": message})},
        "decision": decision,
        "category": "spam",
        "ground": {"kind": "terms", "rule": "scams-2.1"},
        "reason": _REASONS[decision],
        "decided_at": rfc3339(time),
        "reviewer": {"ref": "desk-1", "role": "desk"},
        "confidence": "two_agree",
        **fields,
    }
    value = msgspec.json.encode(body)
    return Record("moderation-outcomes", 0, number, time if appended is None else appended, b"any", value)


def credits_of(batch: Batch) -> dict[str, tuple[str | None, str | None]]:
    """What was taken back from whom, and what was added, by the ref of the reporter."""
    names = {KEY.reporter_hash(f"u{number}"): f"u{number}" for number in range(1_000)}
    found = {}
    for credit in bundled.credits_in(batch.outputs):
        removed, added = (None if one is None else one.decision for one in (credit.removed, credit.added))
        found[names[credit.reporter]] = (removed, added)
    return found


def without_decisions_read(outputs: Iterable[OutputRecord]) -> list[OutputRecord]:
    """Outputs that do not say which decisions were read before a report."""
    return [
        output._replace(headers=[header for header in output.headers if header[0] != DECISIONS_HEADER])
        for output in outputs
    ]


def refused(outputs: Iterable[OutputRecord]) -> list[tuple[bytes, bytes]]:
    """Reason and field of each dead letter."""
    return [
        (dict(output.headers)["tocsin-reason"], dict(output.headers)["tocsin-field"])
        for output in outputs
        if output.topic == "dead-letters"
    ]
