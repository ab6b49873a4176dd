"""The adapter for Coop reports escalations by Coop's API, and publishes what signed callbacks decide, each
once.
"""

import signal

import pytest

from streams.desk.adapters.run import adapter_group
from tests.kafka.harness.adapters import Adapters, escalation, metric, rows, until
from tests.kafka.harness.coop import API_KEY, Coop
from tests.kafka.harness.deployment import ESCALATIONS, MODERATION
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.receiver import Receiver
from tests.readers import decode_moderation_outcome

MAPPING = """
reporter: {type: user-type, id: tocsin}
item:
  type: message-type
  data: {channel: "{channel}", escalation: "{escalation}", level: "{level}"}
policies: {fraud: policy-scam}
decisions:
  - {action: remove, verdict: {decision: upheld, ground: {kind: terms, rule: scams-2.1}, reason: phishing, action: {visibility: removed}}}
  - {action: ignore, verdict: {decision: dismissed, ground: {kind: terms, rule: scams-2.1}, reason: not_a_violation}}
"""
MODERATOR = "ada@desk.example"
LATER_MS = 4_000_000_000_000


@pytest.fixture
def deployment(deploy):
    return deploy(partitions=2)


@pytest.fixture
def coop():
    return Coop()


@pytest.fixture
def adapters(deployment, coop, tmp_path):
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    # While the key changes, both are in the file.
    (tmp_path / "coop.pem").write_bytes(Coop().public_key + coop.public_key)
    with Receiver(tmp_path, coop) as receiver:
        made = Adapters(
            "coop",
            deployment,
            receiver,
            tmp_path,
            {
                "address": receiver.address,
                "api_key": API_KEY,
                "mapping_file": tmp_path / "mapping.yaml",
                "public_key_file": tmp_path / "coop.pem",
                "reviewer_key": "k" * 32,
                "callback_port": 0,
            },
        )
        yield made
        made.end()
        assert coop.wrong == []


def callback(item, action, **more):
    return {
        "item": {"id": item, "typeId": "message-type", "typeName": "Message"},
        "action": {"id": action},
        "policies": [{"id": "policy-scam", "name": "Scams", "penalty": "HIGH"}],
        "rules": [],
        "custom": {"reportHistory": [{"reason": "x", "reporter": "y"}]},
        "actorEmail": MODERATOR,
        "actorNote": "not ours to read",
    } | more


def callbacks_of(process):
    until(lambda: " at=" in process.text)
    return process.text.rpartition(" at=")[2].split()[0] + "/callbacks"


def published(deployment):
    return [
        decode_moderation_outcome(row.value, row.headers, LATER_MS).event
        for row in rows(deployment, MODERATION)
    ]


def test_reports_go_out_and_signed_decisions_come_back_once(deployment, coop, adapters):
    deployment.publisher(topic=ESCALATIONS).publish(
        [
            escalation(number, escalation_id=f"esc-{number}", message_refs=[f"m-{number}"], category="fraud")
            for number in range(200)
        ]
    )
    process = adapters.start()
    until(lambda: len(coop.reports) >= 60)
    process.signal(signal.SIGKILL)
    process.wait(10)
    evict_everybody(deployment.bootstrap, adapter_group(deployment.prefix, "coop"))
    process = adapters.start()
    until(lambda: len({report["reportedItem"]["id"] for report in coop.reports}) == 200)
    (report, *_) = (one for one in coop.reports if one["reportedItem"]["id"] == "ch-0007/message/m-7")
    assert report["reporter"] == {"kind": "user", "typeId": "user-type", "id": "tocsin"}
    assert report["reportedForReason"]["policyId"] == "policy-scam"
    assert "csam" not in report["reportedForReason"]
    assert report["reportedItem"]["data"]["escalation"] == "esc-7"
    # Decisions. Coop sends a callback again if it did not get the answer, also to the next process.
    address = callbacks_of(process)
    removed = callback("ch-0007/message/m-7", "remove")
    assert coop.call_back(address, removed, signed_by=Coop()) == 401
    assert coop.call_back(address, {"item": 1}) == 400
    assert [coop.call_back(address, removed) for _ in range(2)] == [204, 204]
    process.signal(signal.SIGKILL)
    process.wait(10)
    evict_everybody(deployment.bootstrap, adapter_group(deployment.prefix, "coop"))
    process = adapters.start()
    address = callbacks_of(process)
    assert coop.call_back(address, removed) == 204
    assert coop.call_back(address, callback("ch-0007/message/m-7", "ignore")) == 204
    assert coop.call_back(address, removed) == 204
    # By a rule of Coop, by an action without a row, and about somebody else's item.
    without_person = callback("ch-0001/message/m-1", "remove")
    del without_person["actorEmail"]
    for left_out in (
        without_person,
        callback("ch-0001/message/m-1", "send-warning"),
        callback("their-own-id", "remove"),
    ):
        assert coop.call_back(address, left_out) == 204
    for why in ("no_person", "no_rule", "not_reported"):
        assert metric(process, f'tocsin_adapter_decisions_left_out_total{{why="{why}"}}') == 1
    first, second, third = published(deployment)
    assert (first.decision, first.category, first.subject.message_ref) == ("upheld", "fraud", "m-7")
    assert (second.decision, second.supersedes) == ("dismissed", first.outcome_id)
    assert (third.decision, third.supersedes) == ("upheld", second.outcome_id)
    assert third.outcome_id != first.outcome_id
    assert all(MODERATOR.encode() not in row.value for row in rows(deployment, MODERATION))
    process.terminate()
