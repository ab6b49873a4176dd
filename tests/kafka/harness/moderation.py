"""Moderators beside other traffic: what they decide about messages, and what they do with cases."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from tests.kafka.harness.deployment import ACTIVITY, MODERATION, Deployment
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT, MURMUR2
from tests.kafka.harness.reports import Published, now_ms, rfc3339

REASONS = {"upheld": "phishing", "dismissed": "not_a_violation", "manifestly_unfounded": "fabricated"}
# Which weight an outcome has, by docs/trust.md, 'Trust'.
CONFIDENCES = {"one_reviewer": 0.8, "two_agree": 1.0}
DECIDED_AS = ("fraud", "spam", "csam")
# Reports of the last seconds before the moderators began may be received after their message was decided on.
BEFORE_MS = 20_000

Message = tuple[str, str]


def outcome_document(
    outcome_id: str, decision: str, subject: Mapping[str, str], **fields: Any
) -> dict[str, Any]:
    """What a desk has decided now; `fields` replace others."""
    return {
        "outcome_id": outcome_id,
        "subject": subject,
        "decision": decision,
        "category": "fraud",
        "ground": {"kind": "terms", "rule": "scams-2.1"},
        "reason": REASONS[decision],
        "decided_at": rfc3339(now_ms()),
        "reviewer": {"ref": "desk-1", "role": "desk"},
        "confidence": "one_reviewer",
        **fields,
    }


def standing_document(
    standing_id: str, ref: str, report_id: str, state: str, **fields: Any
) -> dict[str, Any]:
    """What people have decided now about a user whose report it was; `fields` replace others."""
    return {
        "standing_id": standing_id,
        "reporter": {"kind": "user", "ref": ref},
        "report": {"report_id": report_id},
        "state": state,
        "reason": "manifestly_unfounded_notices",
        "rule": "reporting-4",
        "decided_at": rfc3339(now_ms()),
        "decided_by": {"ref": "desk-1", "role": "desk"},
        **fields,
    }


class Outcome(NamedTuple):
    """One decision; the latest one about a message holds, by (`decided_s`, `outcome_id`)."""

    decided_s: int
    outcome_id: str
    decision: str
    category: str
    weight: float

    @property
    def counted(self) -> str:
        """As what it counts for trust: manifestly unfounded takes two people (docs/trust.md)."""
        one = self.weight in (CONFIDENCES["one_reviewer"], 2 * CONFIDENCES["one_reviewer"])
        return "dismissed" if one and self.decision == "manifestly_unfounded" else self.decision


class Moderators:
    """Each `go_on` publishes outcomes about some of the messages in `published`, and acts on cases.

    Among them are outcomes that supersede earlier ones, repeats, and outcomes about reports that nobody made
    (`refused`). `decided` are the others by message, without repeats; `records` and `acts` count what was
    published.
    """

    def __init__(
        self, deployment: Deployment, seed: int, published: Sequence[Published] | None = None
    ) -> None:
        self.refused: list[Published] = []
        self.decided: dict[Message, list[Outcome]] = defaultdict(list)
        self.published = deployment.published if published is None else published
        self.records = self.acts = self.superseded = self.repeats = 0
        self._chance = random.Random(seed)
        self._began_ms = now_ms()
        self._publishers = [deployment.publisher(each, MODERATION) for each in (MURMUR2, LIBRDKAFKA_DEFAULT)]
        self._of_acts = deployment.publisher(MURMUR2, ACTIVITY)
        self._number = 0

    def go_on(self, count: int = 100) -> None:
        """Publish outcomes about `count` of the reports so far, and an act on a case for every tenth."""
        for record in self._chance.choices(self.published, k=count) if self.published else ():
            document = document_of(record)
            if document is not None:
                self._decide(document["channel"]["ref"], document["message_ref"])
        # A desk that is wrong about what was reported.
        nobodys = {"kind": "report", "channel_ref": "nobodys", "report_id": f"never-{self._number}"}
        outcome = self._outcome("dismissed", now_ms())
        self._send(record := self._record(outcome, nobodys, None))
        self.refused.append(Published(record.key, record.value, None, "subject_not_found"))
        acts = [self._act(number) for number in range(count // 10)]
        self.acts += len(acts)
        self._of_acts.publish(acts)
        for publisher in self._publishers:
            publisher.flush()

    def _decide(self, channel: str, message: str) -> None:
        before = self.decided[channel, message]
        subject = {"kind": "message", "channel_ref": channel, "message_ref": message}
        decided_ms = self._chance.randrange(self._began_ms - BEFORE_MS, now_ms())
        supersedes = None
        if before:
            # An appeal is decided later than what it supersedes.
            last = max(before)
            decided_ms, supersedes = max(decided_ms, last.decided_s * 1000), last.outcome_id
            self.superseded += 1
        outcome = self._outcome(self._chance.choice(list(REASONS)), decided_ms)
        before.append(outcome)
        record = self._record(outcome, subject, supersedes)
        self._send(record)
        if self._chance.random() < 0.1:
            self.repeats += 1
            self._send(record)

    def _outcome(self, decision: str, decided_ms: int) -> Outcome:
        self._number += 1
        weight = self._chance.choice(list(CONFIDENCES.values())) / self._chance.choice((1, 1, 1, 0.5))
        category = self._chance.choice(DECIDED_AS)
        return Outcome(decided_ms // 1000, f"o-{self._number}", decision, category, weight)

    def _record(self, outcome: Outcome, subject: Mapping[str, str], supersedes: str | None) -> Published:
        sampled = 0.5 if outcome.weight > 1 else None
        confidence = outcome.weight * (sampled or 1)
        document = outcome_document(
            outcome.outcome_id,
            outcome.decision,
            subject,
            category=outcome.category,
            decided_at=rfc3339(outcome.decided_s * 1000),
            confidence=next(name for name, weight in CONFIDENCES.items() if weight == confidence),
            **({} if sampled is None else {"sampled": sampled}),
            **({} if supersedes is None else {"supersedes": supersedes}),
        )
        key = self._chance.choice((subject["channel_ref"].encode(), None, b"whatever"))
        return Published(key, orjson.dumps(document))

    def _send(self, record: Published) -> None:
        self.records += 1
        self._chance.choice(self._publishers).send([record])

    def _act(self, number: int) -> Published:
        kind = self._chance.choice(("claimed", "released", "escalated"))
        document = {
            "activity_id": f"act-{self.acts + number}",
            "escalation_id": f"case-{self._chance.randrange(50)}",
            "channel_ref": "channel-1",
            "kind": kind,
            "actor": {"ref": "desk-1", "role": "desk"},
            "at": rfc3339(now_ms()),
            "expected_version": number,
        }
        return Published(b"channel-1", orjson.dumps(document))


def document_of(record: Published) -> Any:
    """The document of a report about a message; None for another record."""
    try:
        document = orjson.loads(record.value)
    except ValueError:
        return None
    return document if isinstance(document, dict) and "message_ref" in document else None
