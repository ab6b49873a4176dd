"""Derives from reports and decisions whom each decision must be credited to, and how far each reporter must
be trusted.

The model knows all of them at once and keeps every one; it shares only the keyed hashes with the code under
test.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson
import pytest

from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.reporters.reporter import REPORTER, Reporter, decode_reporter
from streams.deciding.reporters.tally import VERDICTS, totals
from tests import bundled
from tests.categories import CATEGORIES, CODES
from tests.kafka.harness.deployment import (
    ACTIVITY,
    MODERATION,
    NOTICES,
    REPORTERS_INTERNAL,
    REPORTERS_STATE,
    Deployment,
)
from tests.kafka.harness.moderation import DECIDED_AS, Message, Moderators, Outcome, document_of
from tests.kafka.harness.reader import Reader, Row
from tests.kafka.harness.reports import Published, to_ms

KEY = DEMONSTRATION.current
DAY_S = 86_400
TOLD = ("user", "trusted_flagger", "state_actor")

_Credited = tuple[int, int, bool]
"""A reporter and a target by their hashes, and whether it was a detection."""


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


def check_moderation(
    moderators: Moderators, deployment: Deployment, reader: Reader, *, false_outcomes: int = 0
) -> Moderated:
    """Compare credits and the reporters' state with what was published. Raises AssertionError at a
    difference.

    `false_outcomes` are those that somebody else published, who must not have any effect.
    """
    name = deployment.name
    assert reader.count(name(MODERATION)) == moderators.records + false_outcomes
    # No stage reads them (docs/events.md), and so nothing else happens.
    assert reader.count(name(ACTIVITY)) == moderators.acts
    received = _received(moderators.published)
    standing = _standing(moderators, received)
    credits = _check_credits(deployment, reader, {place: each.counted for place, each in standing.items()})
    _check_state(deployment, reader, standing)
    _check_receipts(reader.all(name(NOTICES)), moderators.published)
    reported = sum(message in moderators.decided for message, _, _ in received)
    return Moderated(
        sum(map(len, moderators.decided.values())),
        moderators.superseded,
        moderators.repeats,
        len(moderators.refused),
        len(standing),
        reported - len(standing),
        credits,
    )


def check_reporters(moderators: Moderators, deployment: Deployment, reader: Reader) -> int:
    """Compare the reporters' state alone; gives the number of outcomes that must be credited."""
    standing = _standing(moderators, _received(moderators.published))
    _check_state(deployment, reader, standing)
    return len(standing)


def _standing(
    moderators: Moderators, received: Mapping[tuple[Message, int, bool], int]
) -> dict[_Credited, Outcome]:
    return {
        (reporter, KEY.target_hash(*message), detected): max(moderators.decided[message])
        for (message, reporter, detected), at in received.items()
        if message in moderators.decided and at < min(moderators.decided[message]).decided_s
    }


def _received(published: Sequence[Published]) -> dict[tuple[Message, int, bool], int]:
    """When (s) the platform received the first report of each reporter about each message.

    What one ref detects is apart from what it reports otherwise: that is known as a classifier's.
    """
    received: dict[tuple[Message, int, bool], int] = {}
    hashes: dict[str, int] = {}
    for document in filter(None, map(document_of, published)):
        ref = (document.get("reporter") or {}).get("ref")
        if ref is None:
            continue
        hashed = hashes.get(ref)
        if hashed is None:
            hashed = hashes[ref] = KEY.reporter_hash(ref)
        at = to_ms(document.get("received_at") or document["occurred_at"]) // 1000
        detected = document["reporter"]["kind"] == "automated"
        place = ((document["channel"]["ref"], document["message_ref"]), hashed, detected)
        received[place] = min(at, received.get(place, at))
    # Otherwise Tocsin keeps a sample of a message's reporters (streams/counting/attribution.py).
    assert max(Counter(message for message, _, _ in received).values(), default=0) <= 256
    return received


def _check_receipts(notices: Sequence[Row], published: Sequence[Published]) -> None:
    """Every reporter who is told gets one receipt for each message, however often they report it."""
    told: dict[tuple[str, str, str], set[bool]] = defaultdict(set)
    for document in filter(None, map(document_of, published)):
        reporter = document.get("reporter") or {}
        if reporter.get("ref") is not None:
            place = document["channel"]["ref"], document["message_ref"], reporter["ref"]
            told[place].add(reporter["kind"] in TOLD)
    receipts = Counter(
        dict(row.headers)["ce_id"] for row in notices if orjson.loads(row.value or b"")["state"] == "received"
    )
    assert receipts.total() == len(receipts)
    # Somebody who reported a message as two kinds of reporter is told if the first report to arrive was of
    # one that is.
    certain = sum(kinds == {True} for kinds in told.values())
    possible = sum(True in kinds for kinds in told.values())
    assert certain <= len(receipts) <= possible
    assert not any(b"reporter-" in (row.value or b"") for row in notices)


def _check_credits(deployment: Deployment, reader: Reader, expected: Mapping[_Credited, str]) -> int:
    """Follow the credits: each takes back what counted before, and in the end what is expected counts."""
    counts: dict[_Credited, str] = {}
    number = 0
    for credit in bundled.credits_in(reader.all(deployment.name(REPORTERS_INTERNAL))):
        number += 1
        place = (credit.reporter, credit.target, bool(credit.parts))
        assert counts.pop(place, None) == (credit.removed.decision if credit.removed else None)
        if credit.added is not None:
            counts[place] = credit.added.decision
    assert counts == expected
    return number


def _check_state(deployment: Deployment, reader: Reader, standing: Mapping[_Credited, Outcome]) -> None:
    """Check the trust of every reporter: the outcomes that count are in it once each, and no others."""
    by_reporter: dict[int, list[Outcome]] = defaultdict(list)
    for (reporter, _, _), outcome in standing.items():
        by_reporter[reporter].append(outcome)
    found = {hashed: reporter for hashed, reporter in _reporters(deployment, reader) if reporter.sums}
    assert found.keys() == by_reporter.keys()
    for hashed, outcomes in by_reporter.items():
        reporter = found[hashed]
        assert _numbers(reporter) == Counter((each.category, each.counted) for each in outcomes)
        day = max(each.decided_s for each in outcomes) // DAY_S
        weights: Counter[tuple[str, str]] = Counter()
        for each in outcomes:
            # Each fades by half in 90 days; a run may go on past midnight.
            faded = each.weight * 2 ** (-(day - each.decided_s // DAY_S) / 90)
            weights[each.category, each.counted] += faded
        for category in DECIDED_AS:
            known = totals(reporter.sums, reporter.period, day, CODES[category])
            for verdict in VERDICTS:
                assert getattr(known, verdict) == pytest.approx(weights[category, verdict], rel=1e-3)


def _reporters(deployment: Deployment, reader: Reader) -> Iterator[tuple[int, Reporter]]:
    for partition in range(deployment.partitions):
        for key, value in reader.latest(deployment.name(REPORTERS_STATE), partition).items():
            if key[:1] == REPORTER:
                # Version byte first, day of expiry last.
                yield int.from_bytes(key[1:], "big"), decode_reporter(memoryview(value)[1:-4])


def _numbers(reporter: Reporter) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for code, number in reporter.numbers.items():
        category, verdict = divmod(code >> 3, len(VERDICTS))
        found[CATEGORIES[category], VERDICTS[verdict]] += number
    return found
