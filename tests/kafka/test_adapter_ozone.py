"""The adapter for Ozone reports each escalation once, by the published lexicons, and publishes each decision
once.
"""

import signal

import orjson
import pytest

from streams.desk.adapters.run import adapter_group
from tests.kafka.harness.adapters import Adapters, escalation, event_id, metric, rows, until
from tests.kafka.harness.deployment import ESCALATIONS, MODERATION
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.ozone import ADAPTER, CID, DEFS, MODERATOR, Ozone, ozone_settings
from tests.kafka.harness.receiver import Receiver
from tests.readers import decode_moderation_outcome

MAPPING = """
decisions:
  - event: Takedown
    policy: scams
    verdict: {decision: upheld, ground: {kind: terms, rule: scams-2.1}, reason: phishing, category: fraud, action: {visibility: removed}}
  - event: Takedown
    verdict: {decision: upheld, ground: {kind: terms, rule: general-1}, reason: other, action: {visibility: removed}}
  - event: Label
    label: spam
    verdict: {decision: upheld, ground: {kind: terms, rule: spam-1}, reason: other, category: spam, action: {visibility: labelled}}
  - event: Acknowledge
    verdict: {decision: dismissed, ground: {kind: law, duty: EU.dsa.art16-5, jurisdiction: DE}, reason: not_a_violation}
  - event: ReverseTakedown
    verdict: {decision: dismissed, ground: {kind: terms, rule: general-1}, reason: not_a_violation}
"""
LATER_MS = 4_000_000_000_000


def uri(message):
    return f"at://did:web:chat.example/example.chat.message/{message}"


def about(message):
    return {
        "$type": "com.atproto.repo.strongRef",
        "uri": uri(message),
        "cid": CID,
    }


@pytest.fixture
def deployment(deploy):
    return deploy(partitions=2)


@pytest.fixture
def ozone():
    return Ozone()


@pytest.fixture
def adapters(deployment, ozone, tmp_path):
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING)
    with Receiver(tmp_path, ozone) as receiver:
        made = Adapters("ozone", deployment, receiver, tmp_path, ozone_settings(receiver, mapping))
        yield made
        made.end()
        assert ozone.wrong == []


def one(number, messages, **changes):
    return escalation(
        number, escalation_id=f"{number:08d}-0000-5000-8000-000000000000", message_refs=messages, **changes
    )


def published(deployment):
    events = [
        decode_moderation_outcome(row.value, row.headers, LATER_MS).event
        for row in rows(deployment, MODERATION)
    ]
    return sorted(events, key=lambda event: event.decided_at)


def of_kind(ozone, kind):
    return [row for row in ozone.events if row["event"]["$type"] == f"{DEFS}#modEvent{kind}"]


def test_escalations_are_reported_once_although_the_adapter_is_killed(deployment, ozone, adapters):
    numbers = range(200)
    deployment.publisher(topic=ESCALATIONS).publish(
        [one(number, [f"m-{number}"], category="fraud") for number in numbers]
    )
    process = adapters.start()
    until(lambda: len(of_kind(ozone, "Tag")) >= 80)
    process.signal(signal.SIGKILL)
    process.wait(10)
    evict_everybody(deployment.bootstrap, adapter_group(deployment.prefix, "ozone"))
    # Its token is no longer valid either.
    ozone.expire()
    process = adapters.start()
    until(lambda: len(of_kind(ozone, "Tag")) == len(numbers))
    until(lambda: metric(process, "tocsin_adapter_waiting") == 0)
    for kind in ("Report", "Tag"):
        assert sorted(row["subject"]["uri"] for row in of_kind(ozone, kind)) == sorted(
            uri(f"m-{number}") for number in numbers
        )
    report = next(row for row in of_kind(ozone, "Report") if row["subject"]["uri"] == uri("m-7"))
    assert report["event"]["reportType"] == "tools.ozone.report.defs#reasonMisleadingScam"
    assert report["modTool"]["meta"] == {
        "escalationId": "00000007-0000-5000-8000-000000000000",
        "channelRef": "ch-0007",
        "category": "fraud",
        "messageRef": "m-7",
    }
    assert report["createdBy"] == ADAPTER


def test_tags_follow_an_escalation_and_new_messages_are_reported_later(deployment, ozone, adapters):
    process = adapters.start()
    opened, raised = one(1, ["m-1"], level=1), one(1, ["m-1", "m-2"], level=2, type="updated")
    resolved = one(1, ["m-1", "m-2"], level=2, type="resolved")
    for number, record in enumerate((opened, raised, resolved)):
        record.headers[:] = [
            (name, event_id(number).encode() if name == "ce_id" else text) for name, text in record.headers
        ]
    deployment.publisher(topic=ESCALATIONS).publish([opened, raised, resolved])
    until(lambda: len(of_kind(ozone, "Tag")) == 5)
    until(lambda: metric(process, "tocsin_adapter_waiting") == 0)
    assert [row["subject"]["uri"] for row in of_kind(ozone, "Report")] == [uri("m-1"), uri("m-2")]
    tags = [row["event"] for row in of_kind(ozone, "Tag") if row["subject"]["uri"] == uri("m-1")]
    assert [
        set(tag["add"]) >= {"tocsin-open", f"tocsin-level-{level}"} for level, tag in enumerate(tags[:2], 1)
    ] == [True, True]
    assert (tags[2]["add"], tags[2]["remove"]) == ([], ["tocsin-open"])
    # The record is gone, and no escalation without a message can be reported.
    ozone.unknown.add(uri("m-gone"))
    deployment.publisher(topic=ESCALATIONS).publish([one(5, [])])
    until(lambda: len(rows(deployment)) == 1)
    assert dict(rows(deployment)[0].headers)["tocsin-failure"] == b"not_sendable"


def test_decisions_become_outcomes_each_once(deployment, ozone, adapters):
    ozone.moderate({"$type": "Takedown"}, about("m-of-others"))
    process = adapters.start()
    messages = ["m-1", "m-2", "m-3", "m-4"]
    deployment.publisher(topic=ESCALATIONS).publish([one(1, messages, category="fraud", channel="ch-x")])
    until(lambda: len(of_kind(ozone, "Tag")) == 4)
    taken_down = ozone.moderate({"$type": "Takedown", "policies": ["scams"]}, about("m-1"))
    # The first one takes nothing back.
    for message in ("m-1", "m-2"):
        ozone.moderate({"$type": "Acknowledge"}, about(message))
    ozone.moderate({"$type": "Label", "createLabelVals": ["spam", "x"], "negateLabelVals": []}, about("m-3"))
    # No rule of the mapping, and nothing that was reported.
    ozone.moderate({"$type": "Label", "createLabelVals": ["x"], "negateLabelVals": []}, about("m-4"))
    ozone.moderate({"$type": "Takedown"}, about("m-of-others"))
    # What Ozone does in a moderator's name as a consequence of something else.
    ozone.moderate({"$type": "ReverseTakedown", "comment": "[SCHEDULED_REVERSAL] Reverting"}, about("m-1"))
    auto = "[AUTO_RESOLVE_ON_ACCOUNT_ACTION]: Automatically resolving"
    ozone.moderate({"$type": "Acknowledge", "comment": auto}, about("m-4"))
    until(lambda: len(published(deployment)) == 3)
    until(lambda: metric(process, 'tocsin_adapter_decisions_left_out_total{why="no_person"}') == 2)
    for _ in range(2):
        process.signal(signal.SIGKILL)
        process.wait(10)
        evict_everybody(deployment.bootstrap, adapter_group(deployment.prefix, "ozone"))
        ozone.moderate({"$type": "Comment", "comment": "not ours to read"}, about("m-2"))
        process = adapters.start()
        until(
            lambda process=process: (
                metric(process, 'tocsin_adapter_decisions_left_out_total{why="no_rule"}') >= 1
            )
        )
    ozone.moderate({"$type": "ReverseTakedown"}, about("m-1"))
    until(lambda: len(published(deployment)) == 4)
    first, second, third, fourth = published(deployment)
    assert (first.decision, first.category, first.reason, first.ground.rule) == (
        "upheld",
        "fraud",
        "phishing",
        "scams-2.1",
    )
    assert (first.subject.channel_ref, first.subject.message_ref) == ("ch-x", "m-1")
    assert (second.decision, second.ground.duty, second.subject.message_ref) == (
        "dismissed",
        "EU.dsa.art16-5",
        "m-2",
    )
    assert (third.category, third.action.visibility) == ("spam", "labelled")
    assert (fourth.decision, fourth.supersedes) == ("dismissed", first.outcome_id)
    everything = orjson.dumps([row.value.decode() for row in rows(deployment, MODERATION)]).decode()
    assert MODERATOR not in everything
    assert len({event.outcome_id for event in published(deployment)}) == 4
    assert taken_down
    assert metric(process, 'tocsin_adapter_decisions_left_out_total{why="not_reported"}') >= 1
    assert len(published(deployment)) == 4
