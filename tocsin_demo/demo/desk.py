"""The demo's desks: one fulfils duties before clocks lapse, one judges the reports that it is asked about."""

import orjson

from streams.contract.events.clock_outcome import OutcomeKind
from streams.contract.events.escalation import Escalation
from streams.contract.events.review_question import ReviewQuestion
from streams.contract.wire.topics import CLOCK_OUTCOMES, MODERATION_OUTCOMES
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


def judge(question: ReviewQuestion, *, right: bool, now_ms: int) -> list[Event]:
    """The outcomes to publish about the reports of a question, whose channel's reports are `right` or not.

    One that is upheld is enough of an answer.
    """
    judged = question.reports[:1] if right else question.reports
    return [
        published_event(
            MODERATION_OUTCOMES,
            orjson.dumps(
                {
                    "outcome_id": f"answer-{question.question_id}-{number}",
                    "subject": {
                        "kind": "report",
                        "channel_ref": question.channel_ref,
                        "report_id": report.report_id,
                        "ce_source": report.ce_source,
                    },
                    "decision": "upheld" if right else "dismissed",
                    "category": report.category,
                    "ground": {"kind": "terms", "rule": "scams-2.1"},
                    "reason": "phishing" if right else "not_a_violation",
                    "decided_at": question.at,
                    "reviewer": {"ref": "demo-desk", "role": "desk"},
                    "confidence": "one_reviewer",
                    "sampled": question.sampled,
                }
            ),
            "/platform/desk",
            now_ms,
        )
        for number, report in enumerate(judged)
    ]
