"""Duties that arm clocks, and outcomes of clocks, for tests of the deterministic core."""

import dataclasses
from datetime import date
from typing import Any

import msgspec

from streams.contract.wire.envelope import rfc3339
from streams.deciding.partition.batch import Batch
from streams.deciding.reports.escalation.clock_events import clock_id
from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.registry.obligation import Obligation
from streams.registry.policy import Policy
from tests.marked import marked
from tests.unit.traffic import SHIPPED, Record, of_topic

OUTCOMES = "clock-outcomes"


def duty(**changes: Any) -> Obligation:
    """A global duty of two hours, pausable for clarification. Any user's report of spam arms its clock."""
    values: dict[str, Any] = {
        "id": "GLOBAL.fast",
        "jurisdiction": "GLOBAL",
        "categories": ("spam",),
        "trigger": "user_report",
        "required_elements": (),
        "action": "remove",
        "duration": "PT2H",
        "meaning": "deadline",
        "standard": None,
        "calendar": "elapsed",
        "holiday_calendar": None,
        "pausable_for": ("clarification",),
        "public_only": False,
        "except_in": (),
        "legal_bases": (),
        "emergency": None,
        "in_force_from": date(2000, 1, 1),
        "in_force_until": None,
        "marks": marked("verified"),
    }
    return dataclasses.replace(SHIPPED.obligations[0], **{**values, **changes})


def clock_rules(*obligations: Obligation, policies: tuple[Policy, ...] = (), **settings: Any) -> ReportRules:
    return compile_report_rules(
        dataclasses.replace(SHIPPED, obligations=obligations, policies=policies), **settings
    )


def clock_of(number: int, channel: str = "c", obligation: str = "GLOBAL.fast") -> str:
    """The id of the clock that `traffic.report(number)` arms."""
    return clock_id(obligation, channel, "", f"r{number}")


def clock_outcome(
    number: int,
    outcome: str,
    clock: str,
    time: int,
    appended: int | None = None,
    channel: str = "c",
    **fields: Any,
) -> Record:
    """A record of an outcome that happened at `time`. `number` sets its id and its offset."""
    body = {
        "outcome_id": f"o{number}",
        "clock_id": clock,
        "subject": "report",
        "key": channel,
        "outcome": outcome,
        "occurred_at": rfc3339(time),
        **fields,
    }
    value = msgspec.json.encode(body)
    return Record(OUTCOMES, 0, number, time if appended is None else appended, b"any", value)


def clock_events(outcome: Batch) -> list[dict[str, Any]]:
    """The escalations that clocks led to."""
    return [event for event in of_topic(outcome, "escalations") if event["policy"] == "legal-clock"]


def clock_steps(outcome: Batch) -> list[tuple[str, int, str]]:
    """(reason without `clock_`, level, time) of each escalation that a clock led to."""
    return [
        (event["reason"].removeprefix("clock_"), event["level"], event["at"])
        for event in clock_events(outcome)
    ]
