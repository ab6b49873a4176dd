"""Reports of detectors and lists, and what desks decide about them."""

from typing import Any

from streams.contract.events.internal.findings import Source, source_of
from streams.deciding.partition.hash_key import hash_key
from tests.readers import decode_report
from tests.unit.both_stages import Deployment, of
from tests.unit.crowd_traffic import outcome
from tests.unit.traffic import MINUTE, Record, report

EARLIER = hash_key(b"an earlier key, of at least 32 bytes")
CURRENT = hash_key(b"the current key, of at least 32 byte")

DETECTOR = {"kind": "automated", "ref": "scanner"}
UNNAMED = {"kind": "automated"}


def classified(version: str, name: str = "scam-text") -> dict[str, Any]:
    """A classifier."""
    return {"name": name, "version": version, "score": 0.9}


def matched(list_: str, signal: str | None = None, version: str | None = None) -> dict[str, Any]:
    """A match with a list."""
    named = {"list": list_, "signal": signal, "version": version}
    return {name: value for name, value in named.items() if value is not None}


def finding(number: int, time: int, channel: str | None = None, **fields: Any) -> Record:
    """A report of a detector without a ref about a message of its own, in a channel of its own."""
    fields = {"reporter": UNNAMED, "message_ref": f"m{number}", **fields}
    return report(number, time, channel=channel or f"c{number}", kind="automated_detection", **fields)


def source(**fields: Any) -> Source | None:
    """The source that such a report names."""
    record = finding(1, 1_800_000_000_000, **fields)
    return source_of(decode_report(record.value, record.headers, record.timestamp).event)


def decided(
    deployment: Deployment, numbers: range, time: int, decision: str, **fields: Any
) -> list[dict[str, Any]]:
    """Publish findings and the decision about each a minute later; return the enriched reports."""
    enriched = []
    for number in numbers:
        outputs = deployment.publish([finding(number, time, **fields)])
        enriched += of(outputs, "enriched-reports")
        at = time + MINUTE
        deployment.publish([outcome(number, decision, at, message=f"m{number}", channel=f"c{number}")])
    return enriched
