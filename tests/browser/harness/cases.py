"""Escalations as a worker writes them, made from golden examples, with times around now."""

import itertools
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from tests.kafka.harness.deployment import ESCALATIONS, Deployment
from tests.kafka.harness.reports import Published

MINUTE = 60
HOUR = 60 * MINUTE

_EXAMPLES = Path(__file__).parents[3] / "schemas/examples/escalations/v1"
_numbers = itertools.count(1)


def case(channel: str, *, example: str = "opened-threshold-crossed", **changes: Any) -> dict[str, Any]:
    """The first event of a case that one person may decide. `changes` replace fields."""
    event = _example(example)
    number = next(_numbers)
    event |= {
        "escalation_id": f"{channel}-case-{number}",
        "channel_ref": channel,
        "at": moment(-number),
        "window": {"start": moment(-HOUR), "end": moment(0)},
        "rule_of_law": event["rule_of_law"] | {"decision": "human_review"},
        "routing": [route | {"gate": "human_review"} for route in event["routing"]],
        "message_refs": [f"m-{channel}-{number}"],
    }
    return event | changes


def with_two_people(event: Mapping[str, Any]) -> dict[str, Any]:
    """The case behind a gate that one person cannot pass."""
    return {**event, "rule_of_law": event["rule_of_law"] | {"decision": "two_person_review"}}


def clock(channel: str, left: float, obligation: str = "US.take-it-down.s3") -> dict[str, Any]:
    """A legal clock with `left` seconds to go."""
    event = case(channel, example="opened-clock-armed")
    event["clock"] |= {
        "clock_id": event["escalation_id"],
        "obligation": obligation,
        "started_at": event["at"],
        "due_at": moment(left),
    }
    return event


def raised(event: Mapping[str, Any], level: int, level_name: str) -> dict[str, Any]:
    """The next event of a case: it reached a higher level."""
    return {
        **event,
        "sequence": event["sequence"] + 1,
        "type": "updated",
        "reason": "level_raised",
        "level": level,
        "level_name": level_name,
        "at": moment(0),
    }


def publish(deployment: Deployment, *events: Mapping[str, Any], topic: str = ESCALATIONS) -> None:
    """Write events to a topic, each with its channel as key."""
    records = [Published(event["channel_ref"].encode(), orjson.dumps(event)) for event in events]
    deployment.publisher(topic=topic).publish(records)


def examples(topic: str) -> list[dict[str, Any]]:
    """The golden examples of another topic, as they are: key and value."""
    folder = _EXAMPLES.parents[1] / topic / "v1"
    return [orjson.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]


def moment(seconds_from_now: float) -> str:
    """A time as events write it."""
    text = datetime.fromtimestamp(time.time() + seconds_from_now, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((_EXAMPLES / f"{name}.json").read_bytes())["value"]
    return found
