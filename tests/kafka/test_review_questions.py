"""Questions to desks on a real broker: asked and answered exactly once, and replayed from the logs."""

import orjson

from streams.contract.wire.partitioner import home_partition
from tests.kafka.harness.asking import asking_policies
from tests.kafka.harness.deployment import ESCALATIONS, MODERATION, QUESTIONS
from tests.kafka.harness.moderation import outcome_document
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import Published, now_ms, report, rfc3339

PARTITIONS = 2
# At home in both partitions.
CHANNELS = [f"ch-{number}" for number in range(12)]


def reported(channel, number):
    """A report by a member about the one message of the channel."""
    document = report(
        f"r-{channel}-{number}",
        now_ms(),
        channel={"ref": channel, "visibility": "public"},
        message_ref=f"m-{channel}",
        category="fraud",
        reporter={"kind": "user", "ref": f"u-{channel}-{number}", "member": True, "account_age": "over_1y"},
    )
    return Published(channel.encode(), orjson.dumps(document))


def answer(channel, number, decision, subject):
    document = outcome_document(f"o-{channel}-{number}", decision, {"channel_ref": channel, **subject})
    # Of another key, so that half of them are read in another partition than their channel's home.
    return Published(f"k-{channel}-{number}".encode(), orjson.dumps(document))


def events(deployment, topic):
    return [orjson.loads(row.value) for row in deployment.outputs().all(deployment.name(topic))]


def steps(deployment, channel):
    return [
        (event["type"], event["answer"])
        for event in events(deployment, QUESTIONS)
        if event["channel_ref"] == channel
    ]


def highest(deployment):
    """The highest level of the policy in each channel."""
    found = {}
    for event in events(deployment, ESCALATIONS):
        if event["policy"] == "fraud":
            found[event["channel_ref"]] = max(event["level"], found.get(event["channel_ref"], 0))
    return found


def test_questions_and_answers_survive_a_kill_and_a_replay_gives_the_same_bytes(deploy, tmp_path):
    policies = asking_policies(tmp_path)
    deployment = deploy(partitions=PARTITIONS, settings={"TOCSIN_POLICIES_FILE": str(policies)})
    assert {home_partition(channel.encode(), PARTITIONS) for channel in CHANNELS} == {0, 1}
    fleet = deployment.fleet
    worker = fleet.start()
    # The first four channels are decided about before their crowd is complete.
    deployment.publish([reported(channel, number) for number in range(3) for channel in CHANNELS])
    deployment.wait_until_applied()
    desk = deployment.publisher(topic=MODERATION)
    known = [
        answer(
            channel,
            0,
            "upheld" if place % 2 else "dismissed",
            {"kind": "message", "message_ref": f"m-{channel}"},
        )
        for place, channel in enumerate(CHANNELS[:4])
    ]
    desk.publish(known)
    deployment.wait_until_applied()
    deployment.publish([reported(channel, 3) for channel in CHANNELS])
    deployment.wait_until_applied()
    assert [steps(deployment, channel) for channel in CHANNELS[:4]] == [
        [("answered", "held")],
        [("answered", "stands")],
    ] * 2
    asked = [event for event in events(deployment, QUESTIONS) if event["type"] == "asked"]
    assert sorted(event["channel_ref"] for event in asked) == sorted(CHANNELS[4:])
    # The answers come while the worker is killed, and more of the crowd.
    answers = [
        answer(
            event["channel_ref"],
            number,
            "upheld" if CHANNELS.index(event["channel_ref"]) % 2 else "dismissed",
            {"kind": "report", "report_id": each["report_id"], "ce_source": each["ce_source"]},
        )
        for event in asked
        for number, each in enumerate(event["reports"], 1)
    ]
    desk.publish(answers[: len(answers) // 2])
    deployment.publish([reported(channel, number) for number in range(4, 7) for channel in CHANNELS])
    deployment.kill(worker)
    fleet.start()
    desk.publish(answers[len(answers) // 2 :])
    desk.publish(answers)
    deployment.wait_until_applied()

    for place, channel in enumerate(CHANNELS[4:], 4):
        assert steps(deployment, channel) == [
            ("asked", None),
            ("answered", "stands" if place % 2 else "held"),
        ]
    assert highest(deployment) == {channel: 2 if place % 2 else 1 for place, channel in enumerate(CHANNELS)}
    compared = check_replay(deployment, deployment.outputs(), shipped_rules(policies=policies))
    assert compared[QUESTIONS] == 4 + 2 * len(CHANNELS[4:])
