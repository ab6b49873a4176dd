"""Outcomes of legal clocks: builds the payloads and publishes them to clock-outcomes."""

from collections.abc import Sequence
from typing import NamedTuple

import click
import orjson

from streams.contract.events.clock_outcome import ClockSubject, OutcomeKind
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.topics import CLOCK_OUTCOMES
from streams.running.clients.kafka_writing import send_events
from streams.running.clients.published_event import published_event
from streams.running.worker.settings import Settings

SOURCE = "tocsin-clock"


class ClockDecision(NamedTuple):
    """What a desk decided about a clock, effective at `at_ms` (ms since the epoch).

    Only a pause has a `reason`. `actor` is the pseudonym of the person who decided.
    """

    outcome: OutcomeKind
    reason: str | None
    at_ms: int
    actor: str


def outcome_payload(clock_id: str, subject: ClockSubject, key: str, decision: ClockDecision) -> bytes:
    """A payload for clock-outcomes.

    The same decision with the same time has the same id, so it counts once, for the actor who was first.
    """
    payload = {
        "outcome_id": f"{decision.outcome}-{decision.at_ms}-{clock_id}",
        "clock_id": clock_id,
        "subject": subject,
        "key": key,
        "outcome": decision.outcome,
        "occurred_at": rfc3339(decision.at_ms),
        "actor": decision.actor,
    }
    return orjson.dumps(payload if decision.reason is None else payload | {"reason": decision.reason})


async def send_outcomes(settings: Settings, payloads: Sequence[bytes], now_ms: int) -> None:
    """Publish the payloads and return once all are written.

    Raises ClickException, with nothing sent, if a worker would refuse one of them.
    """
    try:
        events = [published_event(CLOCK_OUTCOMES, payload, SOURCE, now_ms) for payload in payloads]
    except Rejected as rejected:
        raise click.ClickException(f"a worker would refuse this outcome: {rejected}") from rejected
    await send_events(settings, CLOCK_OUTCOMES, events)
