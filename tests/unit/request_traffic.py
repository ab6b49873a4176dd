"""Authorities' requests, the outcomes and ticks of their stage, and what it published, for tests."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import orjson

from streams.contract.events.authority_request import AUTHORITY_REQUEST_TYPE
from streams.contract.events.clock_outcome import CLOCK_OUTCOME_TYPE
from streams.contract.wire.envelope import event_headers, rfc3339
from streams.contract.wire.forms.tick import encode_tick
from streams.deciding.partition.batch import Batch
from streams.deciding.requests.rules import RequestRules, compile_request_rules
from streams.deciding.requests.stage import request_stage
from streams.deciding.requests.state import RequestState
from tests.marked import trusting
from tests.request_strategies import SHIPPED
from tests.unit.traffic import HOUR, Record

EXTERNAL = "authority-requests"
INTERNAL = "authority-requests-internal"
ROUTING = "authority-routing"

# 24 November 2026, 12:00 UTC.
NOON = 1_795_521_600_000

RULES = compile_request_rules(trusting(SHIPPED))

TCO = (
    "legal_basis statement_of_reasons issuing_authority exact_location redress_information accepted_language "
    "issued_at signature"
).split()
EPOC = "issuing_authority addressee specific_recipients data_category criminal_provision signature".split()


def removal_order(request_id: str = "ar-1", at: int = NOON, **changes: Any) -> dict[str, Any]:
    """A complete removal order of a German authority: one hour to remove, six months of retention."""
    return {
        "request_id": request_id,
        "kind": "removal_order",
        "legal_basis": "tco_art3",
        "received_at": rfc3339(at),
        "authority": {"country": "DE", "type": "police"},
        "demands": ["remove"],
        "target": {"kind": "message", "ref": "m-1"},
        "elements": list(TCO),
        "category": "terrorism",
        **changes,
    }


def preservation_order(request_id: str = "ar-2", at: int = NOON, **changes: Any) -> dict[str, Any]:
    """A complete European Preservation Order of an Italian prosecutor: sixty days."""
    return {
        "request_id": request_id,
        "kind": "preservation_order",
        "legal_basis": "e_evidence_epoc_pr",
        "received_at": rfc3339(at),
        "authority": {"country": "IT", "type": "prosecutor"},
        "demands": ["preserve_data"],
        "target": {"kind": "account", "ref": "a-1", "specific": True},
        "elements": list(EPOC),
        "category": "fraud",
        **changes,
    }


def request_record(
    request: dict[str, Any], *, appended: int | None = None, offset: int = 0, source: str = "/intake"
) -> Record:
    """A request as the intake publishes it, appended a second after its receipt unless `appended` is given."""
    headers = event_headers(AUTHORITY_REQUEST_TYPE, str(request["request_id"]), NOON)
    headers[2] = ("ce_source", source.encode())
    time = appended if appended is not None else _ms(str(request["received_at"])) + 1000
    return Record(EXTERNAL, 0, offset, time, None, orjson.dumps(request), headers)


def outcome_record(
    clock_id: str,
    outcome: str,
    at: int,
    *,
    outcome_id: str = "o-1",
    key: str = "ar-1",
    reason: str | None = None,
    actor: str | None = None,
) -> Record:
    """A desk's outcome of a clock, as the stage of reports passes it on."""
    value = {
        "outcome_id": outcome_id,
        "clock_id": clock_id,
        "subject": "request",
        "key": key,
        "outcome": outcome,
        "occurred_at": rfc3339(at),
        "reason": reason,
        "actor": actor,
    }
    headers = event_headers(CLOCK_OUTCOME_TYPE, outcome_id, at)
    headers.append(("tocsin-origin", f"clock-outcomes/1/7/{at + 1000}".encode()))
    return Record(INTERNAL, 0, 0, at + 2000, key.encode(), orjson.dumps(value), headers)


def tick_record(after: int, appended: int) -> Record:
    """A tick that an idle partition wrote after it had applied `after` requests."""
    value, headers = encode_tick(after, appended)
    return Record(INTERNAL, 0, 0, appended, None, value, headers)


def new_requests(partition: int = 0, partitions: int = 1, rules: RequestRules = RULES) -> RequestState:
    return RequestState(partition, partitions, rules)


def run_requests(state: RequestState, records: Sequence[Record], rules: RequestRules = RULES) -> Batch:
    return request_stage(rules).apply(state, records)


def routings(outcome: Batch) -> list[dict[str, Any]]:
    """The decoded events that were written to the routing topic."""
    return [msgspec.json.decode(output.value or b"") for output in outcome.outputs if output.topic == ROUTING]


def steps(outcome: Batch) -> list[tuple[str, str, float]]:
    """(duty, reason, minutes after noon) of each step that a clock took."""
    return [
        (event["clocks"][0]["obligation"], event["reason"], _minutes(event["at"]))
        for event in routings(outcome)
        if event["type"] != "routed"
    ]


def _minutes(at: str) -> float:
    return (_ms(at) - NOON) / (HOUR / 60)


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
