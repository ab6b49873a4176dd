"""Outcomes of desks on a real broker: each is credited once to each reporter, whoever is killed when."""

import random
import signal
from collections import defaultdict

import orjson
import pytest

from streams.partition.hash_key import DEMONSTRATION
from streams.wire.credit import CREDIT_TYPE, decode_credit
from tests.kafka.harness.deployment import (
    DEAD_LETTERS,
    MODERATION,
    NOTICES,
    REPORTERS_INTERNAL,
)
from tests.kafka.harness.kills import send_while_workers_are_killed
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.reports import Published, generate, now_ms, rfc3339, to_ms

KEY = DEMONSTRATION.current
ON = {"TOCSIN_REPORTERS": "on"}
REASONS = {"upheld": "phishing", "dismissed": "not_a_violation", "manifestly_unfounded": "fabricated"}
MINUTE = 60_000

pytestmark = pytest.mark.timeout(600)


def outcome(number, channel, message, decision, decided_ms):
    document = {
        "outcome_id": f"o-{number}",
        "subject": {"kind": "message", "channel_ref": channel, "message_ref": message},
        "decision": decision,
        "category": "fraud",
        "ground": {"kind": "terms", "rule": "scams-2.1"},
        "reason": REASONS[decision],
        "decided_at": rfc3339(decided_ms),
        "reviewer": {"ref": "desk-1", "role": "desk"},
        "confidence": "two_agree",
    }
    return Published(b"%d" % number, orjson.dumps(document))


def outcomes_for(chance, reports):
    """Decisions about a third of the reported messages, some decided anew, some published twice."""
    messages = sorted({(each["channel"]["ref"], each["message_ref"]) for each in reports})
    made = []
    for channel, message in chance.sample(messages, len(messages) // 3):
        for _ in range(chance.choice((1, 1, 2))):
            # Some reports were received after it.
            decided = now_ms() - chance.randrange(2 * MINUTE)
            made.append(outcome(len(made), channel, message, chance.choice(list(REASONS)), decided))
            if chance.random() < 0.1:
                made.append(made[-1])
    return made


def expected(reports, outcomes):
    """What counts in the end, by reporter and message, with everything known at once."""
    received = {}
    for each in reports:
        ref = each["reporter"].get("ref")
        if ref is None:
            continue
        at = to_ms(each.get("received_at") or each["occurred_at"]) // 1000
        key = (each["channel"]["ref"], each["message_ref"], KEY.reporter_hash(ref))
        received[key] = min(at, received.get(key, at))
    decisions = defaultdict(set)
    for each in map(orjson.loads, (record.value for record in outcomes)):
        subject = each["subject"]
        made = (to_ms(each["decided_at"]) // 1000, each["outcome_id"], each["decision"])
        decisions[subject["channel_ref"], subject["message_ref"]].add(made)
    counts = {}
    for (channel, message, reporter), at in received.items():
        known = decisions[channel, message]
        if known and at < min(known)[0]:
            counts[reporter, KEY.target_hash(channel, message)] = max(known)[2]
    return counts


def test_outcomes_are_credited_once_while_workers_are_killed(deploy):
    deployment = deploy(settings=ON)
    fleet = deployment.fleet
    chance = random.Random(31)
    # Over two minutes, so that some are received after their message was decided on.
    published = generate(31, 8_000, channels=40, bad=0, span_ms=2 * MINUTE)
    reports = [orjson.loads(each.value) for each in published]
    outcomes = outcomes_for(chance, reports)
    publisher, desks = deployment.publisher(), deployment.publisher(LIBRDKAFKA_DEFAULT, MODERATION)
    fleet.start()
    fleet.start()
    publisher.publish(generate(30, 10))
    deployment.wait_until_applied()
    pieces = 5
    # The desks first: they may be faster than the stage of reporters.
    send_while_workers_are_killed(deployment, chance, pieces, (desks, outcomes), (publisher, published))
    deployment.wait_until_applied(180)
    assert fleet.exit_codes.count(-signal.SIGKILL) == pieces - 1

    reader = deployment.outputs()
    assert reader.count(deployment.name(DEAD_LETTERS)) == 0
    counts = {}
    credited = 0
    for row in reader.all(deployment.name(REPORTERS_INTERNAL)):
        if ("ce_type", CREDIT_TYPE.encode()) not in row.headers:
            continue
        credited += 1
        credit = decode_credit(row.value)
        assert row.key == b"%016x" % credit.reporter
        key = (credit.reporter, credit.target)
        # Written once each, in order: what is taken back is what counted before.
        assert counts.pop(key, None) == (credit.removed.decision if credit.removed else None)
        if credit.added is not None:
            counts[key] = credit.added.decision
    assert counts == expected(reports, outcomes)
    assert len(counts) > 500
    assert set(counts.values()) == set(REASONS)
    notices = [orjson.loads(row.value) for row in reader.all(deployment.name(NOTICES))]
    assert {notice["state"] for notice in notices} == {"decided", "superseded"}
    assert not any("reporter-" in str(notice) for notice in notices)
    print(f"measured: {credited} credits, {len(notices)} notices, {len(outcomes)} outcomes")
