"""Nothing that is written or shown leads to a reporter: no ref and no hash without the key, in any topic,
page or log.
"""

import base64
import hashlib
import re
import urllib.request

import orjson
from xxhash import xxh3_64_digest, xxh3_128_digest

from streams.contract.wire.topics import (
    DELIVERIES_SET_ASIDE,
    DESK_VIEWS,
    INTAKE_POSITIONS,
    REFUSALS,
    RULE_CHANGES,
    RULE_SETS,
    RULE_TRIALS,
    WORKER_PROGRESS,
)
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.reports.escalation.clock_events import clock_id
from streams.running.topics.topic_catalogue import load_catalogue
from tests.kafka.harness.asking import asking_policies
from tests.kafka.harness.deployment import (
    ACTIVITY,
    ENRICHED,
    ESCALATIONS,
    INTEGRITY,
    INTERNAL,
    MODERATION,
    FEEDBACK,
    NOTICES,
    REPORTERS_INTERNAL,
    REPORTERS_STATE,
    SOURCE,
    STANDING,
    STATE,
    TOPICS,
    VERIFIED,
)
from tests.kafka.harness.moderation import outcome_document, standing_document
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.reports import Published, now_ms, report, rfc3339, take_it_down_request
from tests.kafka.harness.requests import FORMS, complete_request

# The topics that must carry refs, and why (docs/privacy.md, 'Where it is').
WITH_REFS = {
    SOURCE: "what publishers send",
    VERIFIED: "what publishers send",
    STANDING: "whom people have warned or paused",
    REPORTERS_INTERNAL: "reports and credits on their way to their reporters' homes, in bundles",
    INTERNAL: "reports on their way to their channels' homes, in bundles",
}
# The topics in which a reporter has the hash with the secret key, and why. No other needs one.
WITH_KEYED_HASHES = {
    REPORTERS_INTERNAL: "what decides the reporter's home: the hash beside each report and in each credit",
    INTERNAL: "whose weight a pause takes out of a channel",
    REPORTERS_STATE: "what is known of one reporter",
    STATE: "who reported a channel and a message, so that each counts once and can be credited",
    NOTICES: "the key of a record, which keeps the notices of one person in order",
    INTEGRITY: "the key of a case about one reporter",
    FEEDBACK: "the key of what a detector is told that names neither a list nor a classifier",
}
# Several members of a brigade, honest reporters, and one whose reports are manifestly unfounded.
BRIGADE = [f"brigadier-of-the-harbour-{number}" for number in range(40)]
HONEST = [f"witness-at-the-harbour-{number}" for number in range(12)]
MISUSER = "misuser-at-the-harbour"
SCANNER = "scanner-at-the-harbour"
REFS = [*BRIGADE, *HONEST, MISUSER, SCANNER]


def said_by(ref, channel, message, **fields):
    kind, old = fields.pop("reporter_kind", "user"), fields.pop("old", False)
    document = report(
        f"report-{channel}-{message}-{REFS.index(ref)}",
        now_ms(),
        channel={"ref": channel, "visibility": "public"},
        message_ref=message,
        reporter={
            "kind": kind,
            "ref": ref,
            "member": old,
            "account_age": "over_1y" if old else "under_1d",
        },
        **{"category": "fraud", **fields},
    )
    return Published(channel.encode(), orjson.dumps(document))


def decided(name, decision, subject, **fields):
    document = outcome_document(name, decision, subject, **{"confidence": "two_agree", **fields})
    return Published(subject["channel_ref"].encode(), orjson.dumps(document))


def about(message, channel="harbour"):
    return {"kind": "message", "channel_ref": channel, "message_ref": message}


def first_round():
    reports = [said_by(ref, "harbour", f"target-{n}") for n in range(3) for ref in BRIGADE]
    reports += [said_by(ref, "market", f"scam-{n}") for n in range(2) for ref in HONEST]
    reports += [said_by(MISUSER, "market", f"joke-{n}") for n in range(6)]
    # For the policy that is in shadow mode.
    reports += [said_by(ref, "lane", "insult", category="harassment", old=True) for ref in HONEST]
    flagged = {"kind": "trusted_flagger_notice", "reporter_kind": "trusted_flagger", "category": "terrorism"}
    reports.append(
        said_by(SCANNER, "market", "scam-0", kind="automated_detection", reporter_kind="automated")
    )
    return [*reports, said_by(HONEST[0], "square", "flagged", **flagged), take_it_down_request(1, now_ms())]


def decided_about(ref, state, **fields):
    document = standing_document(state, ref, f"report-market-joke-0-{REFS.index(ref)}", state, **fields)
    return Published(None, orjson.dumps(document))


def of_other_people():
    """What does not come from reporters: an order of an authority, the end of a clock, and an act on a case."""
    clock = {
        "outcome_id": "c-1",
        "clock_id": clock_id("US.take-it-down.s3", "victims-1", "", "v-1"),
        "subject": "report",
        "key": "victims-1",
        "outcome": "fulfilled",
        "occurred_at": rfc3339(now_ms()),
    }
    act = {
        "activity_id": "act-1",
        "escalation_id": "any",
        "channel_ref": "harbour",
        "kind": "claimed",
        "actor": {"ref": "desk-1", "role": "desk"},
        "at": rfc3339(now_ms()),
        "expected_version": 0,
    }
    orders = [complete_request(FORMS[0], f"order-{number}", now_ms()) for number in range(8)]
    return orders, Published(None, orjson.dumps(clock)), Published(b"harbour", orjson.dumps(act))


def outcomes(escalation):
    made = [decided(f"o-{n}", "dismissed", about(f"target-{n}")) for n in range(3)]
    made += [decided(f"p-{n}", "upheld", about(f"scam-{n}", "market")) for n in range(2)]
    made += [decided(f"q-{n}", "manifestly_unfounded", about(f"joke-{n}", "market")) for n in range(6)]
    # An appeal, an outcome about one report, one about an escalation, and one about a report that nobody
    # made.
    made.append(decided("o-9", "upheld", about("target-2"), supersedes="o-2"))
    one = {"kind": "report", "channel_ref": "square", "report_id": f"report-square-flagged-{len(BRIGADE)}"}
    made.append(decided("r-1", "upheld", one))
    made.append(decided("r-2", "upheld", one | {"report_id": "never-made"}))
    subject = {
        "kind": "escalation",
        "channel_ref": escalation["channel_ref"],
        "escalation_id": escalation["escalation_id"],
    }
    return [*made, decided("e-1", "dismissed", subject)]


def second_round():
    reports = [said_by(ref, "harbour", "target-3") for ref in BRIGADE]
    reports += [said_by(ref, "market", "scam-2") for ref in HONEST]
    return [*reports, said_by(MISUSER, "market", "joke-6")]


def spellings(digest):
    """A digest, or its first 64 bits, as bytes, as hexadecimal, decimal or base64 text, in both orders of
    bytes.
    """
    for ordered in (digest, digest[::-1], digest[:8][::-1]):
        start = ordered[:8]
        yield start
        yield start.hex().encode()
        yield start.hex().upper().encode()
        yield str(int.from_bytes(start, "big")).encode()
        # Ten characters are the first 60 bits, the same whatever follows.
        yield base64.b64encode(start)[:10]
        yield base64.urlsafe_b64encode(start)[:10]


def unkeyed(ref):
    """The first 64 bits of every hash that somebody without the key could compute."""
    text = ref.encode()
    digests = [xxh3_64_digest(text), xxh3_128_digest(text), hashlib.sha256(text).digest()]
    digests += [hashlib.blake2b(text, digest_size=size).digest() for size in (8, 16, 32, 64)]
    # The code's own hash, with an empty key.
    digests.append(hashlib.blake2b(text, digest_size=8, person=b"reporter").digest())
    return {spelling for digest in digests for spelling in spellings(digest)}


def keyed(ref):
    return set(spellings(DEMONSTRATION.current.reporter_hash(ref).to_bytes(8, "big")))


def found(needles, text):
    return [needle for needle in needles if needle in text]


def everything(deployment):
    """What was written or shown, by topic, page or log."""
    texts = {}
    for number, worker in enumerate(deployment.fleet.running):
        address = re.search(r"address=(http://\S+)", worker.text)[1]
        for page in ("metrics", "status", "readyz", "livez"):
            texts[f"/{page} {number}"] = urllib.request.urlopen(f"{address}/{page}", timeout=30).read()
        texts[f"log {number}"] = worker.log.read_bytes()
    reader = deployment.outputs()
    for topic in TOPICS:
        parts = []
        for row in reader.all(deployment.name(topic)):
            parts += [row.key or b"", row.value or b""]
            for name, value in row.headers:
                parts += [name.encode(), value or b""]
        texts[topic] = b"\0".join(parts)
    return texts


def test_no_ref_and_no_hash_without_the_key_is_written_or_shown(deploy, tmp_path):
    policies = str(asking_policies(tmp_path))
    deployment = deploy(partitions=2, settings={"TOCSIN_POLICIES_FILE": policies})
    deployment.fleet.start()
    deployment.fleet.start()
    # By other partitioners than Tocsin's, so that much of it is re-keyed.
    deployment.publish(first_round(), LIBRDKAFKA_DEFAULT)
    orders, end_of_clock, act = of_other_people()
    deployment.publish_requests(orders, LIBRDKAFKA_DEFAULT)
    deployment.wait_until_applied()
    escalations = [orjson.loads(row.value) for row in deployment.outputs().all(deployment.name(ESCALATIONS))]
    listed = next(
        each for each in escalations if each.get("channel_ref") == "harbour" and each["message_refs"]
    )
    deployment.publisher(topic=MODERATION).publish(outcomes(listed))
    deployment.publisher(topic=ACTIVITY).publish([act])
    deployment.publish_outcomes([end_of_clock])
    deployment.publisher(topic=STANDING).publish([decided_about(MISUSER, "warned")])
    deployment.wait_until_applied()
    deployment.publish(second_round())
    deployment.wait_until_applied()
    second = {"ref": "lead-1", "role": "lead"}
    end = rfc3339(now_ms() + 24 * 60 * 60 * 1000)
    paused = decided_about(MISUSER, "paused", until=end, confirmed_by=second)
    deployment.publisher(topic=STANDING).publish([paused])
    deployment.wait_until_applied()
    deployment.publish([said_by(MISUSER, "market", "joke-7")])
    deployment.wait_until_applied()
    texts = everything(deployment)

    # The parts that could tell have run: trust from outcomes, cases about reporters, what is refused.
    assert b"misuse" in texts[INTEGRITY]
    assert b"reporter_paused" in texts[ENRICHED]
    assert b"tocsin.reporter-paused.v1" in texts[INTERNAL]
    assert b"tocsin.standing-notice.v1" in texts[NOTICES]
    assert b"subject_not_found" in texts["dead-letters"]
    # All topics there are, and all of them have something in them, except the one of adapters, which has
    # copies of others; the one in which workers say how far behind they are: partitions and times; views of
    # the desk, which are filters; numbers of reports in other systems; rules, who changed them, and numbers of
    # those on trial; and refusals, of which nobody is told who is not listed
    # (test_told_publishers.py looks at what they say).
    assert load_catalogue().keys() == set(TOPICS)
    assert {name for name, text in texts.items() if not text} == {
        DELIVERIES_SET_ASIDE,
        DESK_VIEWS,
        INTAKE_POSITIONS,
        REFUSALS,
        RULE_CHANGES,
        RULE_SETS,
        RULE_TRIALS,
        WORKER_PROGRESS,
    }
    # The search finds what is there: refs where reports are, and keyed hashes where they must be.
    for topic in WITH_REFS:
        assert found([ref.encode() for ref in REFS], texts[topic]), topic
    keyed_hashes = set().union(*map(keyed, REFS))
    assert {name for name, text in texts.items() if found(keyed_hashes, text)} == WITH_KEYED_HASHES.keys()

    refs = {spelling for ref in REFS for spelling in (ref.encode(), ref.encode().hex().encode())}
    refs |= {base64.b64encode(ref.encode()).rstrip(b"=")[:-1] for ref in REFS}
    hashes = set().union(*map(unkeyed, REFS))
    assert {name: found(refs, text) for name, text in texts.items() if name not in WITH_REFS} == {
        name: [] for name in texts if name not in WITH_REFS
    }
    assert {name: found(hashes, text) for name, text in texts.items()} == {name: [] for name in texts}
