"""The demo's legal desk, which fulfils duties before their clocks lapse."""

import orjson

from streams.contract.events.clock_outcome import OutcomeKind
from streams.contract.events.escalation import Escalation
from streams.contract.wire.topics import CLOCK_OUTCOMES
from streams.running.clients.published_event import Event, published_event

SOURCE = "/platform/legal-desk"
ACTOR = "demo-legal-desk"

_FULFILLED: OutcomeKind = "fulfilled"


class Desk:
    """Fulfils a duty once half of its clock's time has elapsed.

    It misses the first, so that the demo shows a lapse.
    """

    def __init__(self) -> None:
        self._missed = False

    def answer(self, event: Escalation, now_ms: int) -> Event | None:
        """The outcome to publish in response to `event`, or None. `now_ms` is the time of publication."""
        if event.clock is None or event.reason != "clock_half":
            return None
        if not self._missed:
            self._missed = True
            return None
        outcome = {
            "outcome_id": f"{_FULFILLED}-{event.clock.clock_id}",
            "clock_id": event.clock.clock_id,
            "subject": "report",
            "key": event.channel_ref,
            "outcome": _FULFILLED,
            "occurred_at": event.at,
            "actor": ACTOR,
        }
        return published_event(CLOCK_OUTCOMES, orjson.dumps(outcome), SOURCE, now_ms)
