"""What people decide about reporters, and about versions of messages, as records."""

from typing import Any

import msgspec

from streams.contract.wire.envelope import rfc3339
from streams.deciding.partition.hash_key import DEMONSTRATION, HashKeys, hash_key
from tests.unit.crowd_traffic import outcome
from tests.unit.traffic import DAY, Record

NEXT_KEYS = HashKeys(hash_key(b"another demonstration key, publ!"), DEMONSTRATION.current)
"""After a change of the key."""


def standing(number: int, state: str, time: int, ref: str = "u1", **fields: Any) -> Record:
    """A decision about a reporter, made at `time`; `number` sets its id and its offset."""
    body: dict[str, Any] = {
        "standing_id": f"s{number}",
        "reporter": {"kind": "user", "ref": ref},
        "report": {"report_id": "r1"},
        "state": state,
        "reason": "contested" if state == "ended" else "manifestly_unfounded_notices",
        "rule": "reporting-4",
        "decided_at": rfc3339(time),
        "decided_by": {"ref": "desk-1", "role": "desk"},
    }
    if state != "warned":
        body["confirmed_by"] = {"ref": "lead-1", "role": "lead"}
    if state == "paused":
        body["until"] = rfc3339(time + 30 * DAY)
    value = msgspec.json.encode({**body, **fields})
    return Record("reporter-standing", 0, number, time, None, value)


def warned(number: int, time: int, ref: str = "u1", **fields: Any) -> Record:
    """A warning."""
    return standing(number, "warned", time, ref, **fields)


def paused(number: int, time: int, ref: str = "u1", days: int = 30, **fields: Any) -> Record:
    """A pause of so many days."""
    return standing(number, "paused", time, ref, until=rfc3339(time + days * DAY), **fields)


def approval(number: int, time: int, version: str = "v1", **fields: Any) -> Record:
    """A dismissal of a message that holds for a version of it."""
    second = {"ref": "lead-1", "role": "lead"}
    wanted = {"decision": "dismissed", "holds_for_version": version, "confirmed_by": second, **fields}
    return outcome(number, wanted.pop("decision"), time, **wanted)
