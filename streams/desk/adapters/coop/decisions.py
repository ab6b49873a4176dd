"""Turns Coop's callbacks into outcomes.

A callback has neither an id nor a time, and Coop sends it again if it got no answer. So a callback that says
what the newest outcome about its subject says already is a repeat; any other one is a new decision that
supersedes it. The id of an outcome follows from the one that it supersedes, so two processes that get the
same callback publish the same id.
"""

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import structlog

from streams.contract.events.desk_member import DeskMember
from streams.contract.events.moderation_outcome import (
    EscalationSubject,
    MessageSubject,
    ModerationOutcome,
    OutcomeSubject,
)
from streams.contract.events.report import Category
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.ids import stable_id
from streams.desk.adapters.coop.item import subject_of
from streams.desk.adapters.coop.mapping import Mapping
from streams.desk.adapters.metrics import AdapterMetrics, LeftOut
from streams.desk.adapters.outcomes import Outcomes
from streams.desk.adapters.verdict import DeskVerdict
from streams.running.clients.pseudonym import pseudonym

logger = structlog.get_logger(__name__)

Subject = MessageSubject | EscalationSubject


class _Named(msgspec.Struct):
    id: str


class Callback(msgspec.Struct, rename="camel"):
    """What of a callback the adapter reads.

    Notes and reasons of moderators may be about people, and are left unread.
    """

    item: _Named
    action: _Named
    policies: tuple[_Named, ...] = ()
    actor_email: str | None = None


read_callback = msgspec.json.Decoder(Callback).decode


class _Found(NamedTuple):
    """A decision of a person."""

    subject: Subject
    verdict: DeskVerdict
    category: Category
    reviewer: str


class Recorder:
    """Publishes what callbacks decide. `load` reads what was published before; the topic holds a year."""

    def __init__(
        self, mapping: Mapping, outcomes: Outcomes, metrics: AdapterMetrics, reviewer_key: bytes
    ) -> None:
        self._mapping = mapping
        self._outcomes = outcomes
        self._metrics = metrics
        self._key = reviewer_key
        self._newest: dict[OutcomeSubject, ModerationOutcome] = {}
        # One after the other: the newest outcome about a subject decides whether the next one is a repeat.
        self._recording = asyncio.Lock()

    async def load(self) -> None:
        """Read what was published. Raises KafkaError."""
        async for outcome in self._outcomes.published():
            self._newest[outcome.subject] = outcome

    async def record(self, callback: Callback) -> None:
        """Publish what a callback decides, if anything, unless it is a repeat. Raises KafkaError."""
        found = self._judge(callback)
        if not isinstance(found, _Found):
            self._metrics.left_out.add((found,))
            return
        async with self._recording:
            newest = self._newest.get(found.subject)
            outcome = _outcome(found, newest)
            if newest is not None and _says(outcome) == _says(newest):
                return
            try:
                await self._outcomes.publish(outcome)
            except Rejected as error:
                self._metrics.left_out.add(("refused",))
                logger.warning("a decision is no valid outcome", field=error.field, detail=error.detail)
                return
            self._newest[outcome.subject] = outcome
            self._metrics.outcomes.add((outcome.decision,))

    def _judge(self, callback: Callback) -> _Found | LeftOut:
        """What a callback decides, or why it decides nothing."""
        subject = subject_of(callback.item.id)
        if subject is None:
            return "not_reported"
        policies = [policy.id for policy in callback.policies]
        verdict = self._mapping.verdict(callback.action.id, policies)
        if verdict is None:
            return "no_rule"
        category = verdict.category or self._mapping.category(policies)
        if category is None:
            return "no_rule"
        if callback.actor_email is None:
            return "no_person"
        reviewer = pseudonym(self._key, "reviewer", "coop", callback.actor_email)
        return _Found(subject, verdict, category, reviewer)


def _outcome(found: _Found, newest: ModerationOutcome | None) -> ModerationOutcome:
    verdict, subject = found.verdict, found.subject
    ref = subject.message_ref if isinstance(subject, MessageSubject) else subject.escalation_id
    before = newest.outcome_id if newest else ""
    return ModerationOutcome(
        outcome_id=stable_id("coop", subject.channel_ref, ref, before, verdict.decision, verdict.reason),
        subject=subject,
        decision=verdict.decision,
        category=found.category,
        ground=verdict.ground,
        reason=verdict.reason,
        # The callback has no time; it comes at once.
        decided_at=datetime.now(UTC),
        reviewer=DeskMember(found.reviewer, "desk"),
        confidence="one_reviewer",
        action=verdict.action,
        supersedes=before or None,
    )


def _says(outcome: ModerationOutcome) -> tuple[object, ...]:
    """All of an outcome but its id, its time and what it supersedes."""
    return (outcome.decision, outcome.category, outcome.ground, outcome.reason, outcome.action)
