"""Moderators beside other traffic: what they decide and do, and a model of whom each decision must be credited to.

The model knows all reports and outcomes at once and keeps every one; it shares only the keyed hashes with the code under test.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
import pytest

from streams.events.report import CATEGORIES
from streams.partition.hash_key import DEMONSTRATION
from streams.reporters.reporter import REPORTER, Reporter, decode_reporter
from streams.reporters.tally import VERDICTS, totals
from streams.wire.credit import CREDIT_TYPE, decode_credit
from tests.kafka.harness.deployment import (
    ACTIVITY,
    MODERATION,
    NOTICES,
    REPORTERS_INTERNAL,
    REPORTERS_STATE,
    Deployment,
)
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT, MURMUR2
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Published, now_ms, rfc3339, to_ms

KEY = DEMONSTRATION.current
DAY_S = 86_400
REASONS = {"upheld": "phishing", "dismissed": "not_a_violation", "manifestly_unfounded": "fabricated"}
# Which weight an outcome has, by docs/decisions.md, 'Trust'.
CONFIDENCES = {"one_reviewer": 0.8, "two_agree": 1.0}
DECIDED_AS = ("fraud", "spam", "csam")
# Reports of the last seconds before the moderators began may be received after their message was decided on.
BEFORE_MS = 20_000

Message = tuple[str, str]


class Outcome(NamedTuple):
    """One decision; the latest one about a message holds, by (`decided_s`, `outcome_id`)."""

    decided_s: int
    outcome_id: str
    decision: str
    category: str
    weight: float


@dataclass(frozen=True)
class Moderated:
    """Numbers of what was published and of what followed."""

    outcomes: int
    superseded: int
    repeats: int
    refused: int
    credited: int
    too_late: int
    credits: int


class Moderators:
    """Each `go_on` publishes outcomes about some of the messages in `published`, and acts on cases.

    Among them are outcomes that supersede earlier ones, repeats, and outcomes about reports that nobody made (`refused`).
    """

    def __init__(
        self, deployment: Deployment, seed: int, published: Sequence[Published] | None = None
    ) -> None:
        self.refused: list[Published] = []
        self._deployment = deployment
        self._published = deployment.published if published is None else published
        self._chance = random.Random(seed)
        self._began_ms = now_ms()
        self._publishers = [deployment.publisher(each, MODERATION) for each in (MURMUR2, LIBRDKAFKA_DEFAULT)]
        self._of_acts = deployment.publisher(MURMUR2, ACTIVITY)
        self._decided: dict[Message, list[Outcome]] = defaultdict(list)
        self._number = 0
        self._records = self._acts = self._superseded = self._repeats = 0

    def go_on(self, count: int = 100) -> None:
        """Publish outcomes about `count` of the reports so far, and an act on a case for every tenth."""
        for record in self._chance.choices(self._published, k=count) if self._published else ():
            document = _read(record)
            if document is not None:
                self._decide(document["channel"]["ref"], document["message_ref"])
        # A desk that is wrong about what was reported.
        nobodys = {"kind": "report", "channel_ref": "nobodys", "report_id": f"never-{self._number}"}
        outcome = self._outcome("dismissed", now_ms())
        self._send(record := self._record(outcome, nobodys, None))
        self.refused.append(Published(record.key, record.value, None, "subject_not_found"))
        acts = [self._act(number) for number in range(count // 10)]
        self._acts += len(acts)
        self._of_acts.publish(acts)
        for publisher in self._publishers:
            publisher.flush()

    def check(self, reader: Reader, *, false_outcomes: int = 0) -> Moderated:
        """Compare credits and the reporters' state with what was published. Raises AssertionError at a difference.

        `false_outcomes` are those that somebody else published, who must not have any effect.
        """
        name = self._deployment.name
        assert reader.count(name(MODERATION)) == self._records + false_outcomes
        # No stage reads them (docs/events.md), and so nothing else happens.
        assert reader.count(name(ACTIVITY)) == self._acts
        received = self._received()
        standing = {
            (reporter, KEY.target_hash(*message)): max(self._decided[message])
            for (message, reporter), at in received.items()
            if message in self._decided and at < min(self._decided[message]).decided_s
        }
        credits = self._check_credits(reader, {place: each.decision for place, each in standing.items()})
        self._check_state(reader, standing)
        notices = [orjson.loads(row.value) for row in reader.all(name(NOTICES))]
        assert {notice["state"] for notice in notices} <= {"decided", "superseded"}
        assert not any("reporter-" in str(notice) for notice in notices)
        reported = sum(message in self._decided for message, _ in received)
        return Moderated(
            sum(map(len, self._decided.values())),
            self._superseded,
            self._repeats,
            len(self.refused),
            len(standing),
            reported - len(standing),
            credits,
        )

    def _decide(self, channel: str, message: str) -> None:
        before = self._decided[channel, message]
        subject = {"kind": "message", "channel_ref": channel, "message_ref": message}
        decided_ms = self._chance.randrange(self._began_ms - BEFORE_MS, now_ms())
        supersedes = None
        if before:
            # An appeal is decided later than what it supersedes.
            last = max(before)
            decided_ms, supersedes = max(decided_ms, last.decided_s * 1000), last.outcome_id
            self._superseded += 1
        outcome = self._outcome(self._chance.choice(list(REASONS)), decided_ms)
        before.append(outcome)
        record = self._record(outcome, subject, supersedes)
        self._send(record)
        if self._chance.random() < 0.1:
            self._repeats += 1
            self._send(record)

    def _outcome(self, decision: str, decided_ms: int) -> Outcome:
        self._number += 1
        weight = self._chance.choice(list(CONFIDENCES.values())) / self._chance.choice((1, 1, 1, 0.5))
        category = self._chance.choice(DECIDED_AS)
        return Outcome(decided_ms // 1000, f"o-{self._number}", decision, category, weight)

    def _record(self, outcome: Outcome, subject: Mapping[str, str], supersedes: str | None) -> Published:
        sampled = 0.5 if outcome.weight > 1 else None
        confidence = outcome.weight * (sampled or 1)
        document = {
            "outcome_id": outcome.outcome_id,
            "subject": subject,
            "decision": outcome.decision,
            "category": outcome.category,
            "ground": {"kind": "terms", "rule": "scams-2.1"},
            "reason": REASONS[outcome.decision],
            "decided_at": rfc3339(outcome.decided_s * 1000),
            "reviewer": {"ref": "desk-1", "role": "desk"},
            "confidence": next(name for name, weight in CONFIDENCES.items() if weight == confidence),
            **({} if sampled is None else {"sampled": sampled}),
            **({} if supersedes is None else {"supersedes": supersedes}),
        }
        key = self._chance.choice((subject["channel_ref"].encode(), None, b"whatever"))
        return Published(key, orjson.dumps(document))

    def _send(self, record: Published) -> None:
        self._records += 1
        self._chance.choice(self._publishers).send([record])

    def _act(self, number: int) -> Published:
        kind = self._chance.choice(("claimed", "released", "escalated"))
        document = {
            "activity_id": f"act-{self._acts + number}",
            "escalation_id": f"case-{self._chance.randrange(50)}",
            "channel_ref": "channel-1",
            "kind": kind,
            "actor": {"ref": "desk-1", "role": "desk"},
            "at": rfc3339(now_ms()),
            "expected_version": number,
        }
        return Published(b"channel-1", orjson.dumps(document))

    def _received(self) -> dict[tuple[Message, int], int]:
        """When (s) the platform received the first report of each reporter about each message."""
        received: dict[tuple[Message, int], int] = {}
        hashes: dict[str, int] = {}
        for document in filter(None, map(_read, self._published)):
            ref = (document.get("reporter") or {}).get("ref")
            if ref is None:
                continue
            hashed = hashes.get(ref)
            if hashed is None:
                hashed = hashes[ref] = KEY.reporter_hash(ref)
            at = to_ms(document.get("received_at") or document["occurred_at"]) // 1000
            place = ((document["channel"]["ref"], document["message_ref"]), hashed)
            received[place] = min(at, received.get(place, at))
        # Otherwise Tocsin keeps a sample of a message's reporters (streams/counting/attribution.py).
        assert max(Counter(message for message, _ in received).values()) <= 256
        return received

    def _check_credits(self, reader: Reader, expected: Mapping[tuple[int, int], str]) -> int:
        """Follow the credits: each takes back what counted before, and in the end what is expected counts."""
        counts: dict[tuple[int, int], str] = {}
        number = 0
        for row in reader.all(self._deployment.name(REPORTERS_INTERNAL)):
            if ("ce_type", CREDIT_TYPE.encode()) not in row.headers:
                continue
            number += 1
            assert row.value is not None
            credit = decode_credit(row.value)
            assert row.key == b"%016x" % credit.reporter
            place = (credit.reporter, credit.target)
            assert counts.pop(place, None) == (credit.removed.decision if credit.removed else None)
            if credit.added is not None:
                counts[place] = credit.added.decision
        assert counts == expected
        return number

    def _check_state(self, reader: Reader, standing: Mapping[tuple[int, int], Outcome]) -> None:
        """Check the trust of every reporter: the outcomes that count are in it once each, and no others."""
        by_reporter: dict[int, list[Outcome]] = defaultdict(list)
        for (reporter, _), outcome in standing.items():
            by_reporter[reporter].append(outcome)
        found = {hashed: reporter for hashed, reporter in self._reporters(reader) if reporter.sums}
        assert found.keys() == by_reporter.keys()
        for hashed, outcomes in by_reporter.items():
            reporter = found[hashed]
            assert _numbers(reporter) == Counter((each.category, each.decision) for each in outcomes)
            day = max(each.decided_s for each in outcomes) // DAY_S
            weights: Counter[tuple[str, str]] = Counter()
            for each in outcomes:
                # Each fades by half in 90 days; a run may go on past midnight.
                faded = each.weight * 2 ** (-(day - each.decided_s // DAY_S) / 90)
                weights[each.category, each.decision] += faded
            for category in DECIDED_AS:
                known = totals(reporter.sums, reporter.period, day, category)
                for verdict in VERDICTS:
                    assert getattr(known, verdict) == pytest.approx(weights[category, verdict], rel=1e-3)

    def _reporters(self, reader: Reader) -> Iterator[tuple[int, Reporter]]:
        for partition in range(self._deployment.partitions):
            for key, value in reader.latest(self._deployment.name(REPORTERS_STATE), partition).items():
                if key[:1] == REPORTER:
                    # Version byte first, day of expiry last.
                    yield int.from_bytes(key[1:], "big"), decode_reporter(memoryview(value)[1:-4])


def _numbers(reporter: Reporter) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for code, number in reporter.numbers.items():
        category, verdict = divmod(code >> 3, len(VERDICTS))
        found[CATEGORIES[category], VERDICTS[verdict]] += number
    return found


def _read(record: Published) -> Any:
    """The document of a report about a message; None for another record."""
    try:
        document = orjson.loads(record.value)
    except ValueError:
        return None
    return document if isinstance(document, dict) and "message_ref" in document else None
