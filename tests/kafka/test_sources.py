"""Publishers of the two topics of reports are told apart, and an earlier state is taken over with the new
topic.
"""

from collections import Counter

import orjson
from click.testing import CliRunner

from streams.commands.main import commands
from streams.running.log.position import POSITION_KEY, decode_position, encode_position
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, ESCALATIONS, SOURCE, STATE, VERIFIED
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.reports import (
    Published,
    generate,
    now_ms,
    report,
    source_of,
    spam_report,
    take_it_down_request,
)


def detection(number):
    document = report(
        f"d-{number}",
        now_ms(),
        kind="automated_detection",
        channel={"ref": f"detected-{number % 7}", "visibility": "public"},
        category="csam",
        reporter={"kind": "automated"},
    )
    return Published(document["channel"]["ref"].encode(), orjson.dumps(document))


def notice(number):
    document = report(
        f"t-{number}",
        now_ms(),
        kind="trusted_flagger_notice",
        channel={"ref": f"noticed-{number % 7}", "visibility": "public"},
        category="ncii",
        reporter={"kind": "trusted_flagger", "ref": "flagger-1"},
    )
    return Published(document["channel"]["ref"].encode(), orjson.dumps(document))


def reasons(reader, deployment):
    found = Counter()
    for row in reader.all(deployment.name(DEAD_LETTERS)):
        headers = {name: value.decode() for name, value in row.headers if name.startswith("tocsin-")}
        found[headers["tocsin-topic"].removeprefix(deployment.prefix), headers["tocsin-reason"]] += 1
    return found


def ids(reader, deployment):
    return Counter(
        orjson.loads(row.value)["report"]["report_id"] for row in reader.all(deployment.name(ENRICHED))
    )


def test_two_classes_of_publishers_cannot_claim_what_belongs_to_the_other(deploy):
    deployment = deploy()
    of_users = [spam_report(number, f"channel-{number % 9}", now_ms()) for number in range(120)]
    vouched = [
        *map(detection, range(40)),
        *map(notice, range(40)),
        *(take_it_down_request(n, now_ms()) for n in range(40)),
    ]
    # In their home partition, and in any other one: there they are re-keyed before they are applied.
    for partitioner in (None, LIBRDKAFKA_DEFAULT):
        options = {} if partitioner is None else {"partitioner": partitioner}
        for topic, honest, claimed in ((SOURCE, of_users, vouched), (VERIFIED, vouched, of_users)):
            deployment.publisher(topic=topic, **options).publish([*claimed, *honest])
    deployment.fleet.start()
    deployment.wait_until_applied()

    reader = deployment.outputs()
    honest_ids = [orjson.loads(record.value)["report_id"] for record in (*of_users, *vouched)]
    assert ids(reader, deployment) == Counter(honest_ids)
    assert reasons(reader, deployment) == {
        (SOURCE, "not_allowed_here"): 2 * len(vouched),
        (VERIFIED, "not_allowed_here"): 2 * len(of_users),
    }
    # A forged request armed no clock.
    clocks = Counter(
        orjson.loads(row.value)["channel_ref"]
        for row in reader.all(deployment.name(ESCALATIONS))
        if orjson.loads(row.value)["policy"] == "legal-clock"
    )
    assert clocks == Counter({f"victims-{n}": 1 for n in range(40)})

    # What was claimed in the wrong topic is sent to the right one, and is known there already.
    done = CliRunner().invoke(
        commands, ["dead-letters", "redrive", "--topic", SOURCE, "--to", VERIFIED], env=deployment.settings
    )
    assert done.exit_code == 0, done.output
    deployment.wait_until_applied()
    after = deployment.outputs()
    assert after.count(deployment.name(VERIFIED)) > reader.count(deployment.name(VERIFIED))
    assert reasons(after, deployment) == reasons(reader, deployment)
    assert ids(after, deployment) == Counter(honest_ids)


def test_a_state_from_before_verified_reports_is_taken_over(deploy):
    deployment = deploy()
    reports = [record for record in generate(31, 1_500, bad=0) if source_of(record) == SOURCE]
    deployment.publish(reports[:800])
    worker = deployment.fleet.start()
    deployment.wait_until_applied()
    worker.terminate()
    deployment.fleet.tend()
    forget(deployment, VERIFIED)

    # The new topic has records before any worker knows of it.
    deployment.publish([*map(notice, range(30)), *reports[800:]])
    checked = CliRunner().invoke(commands, ["state", "check"], env=deployment.settings)
    assert checked.exit_code == 0, checked.output
    deployment.fleet.start()
    deployment.wait_until_applied()
    reader = deployment.outputs()
    assert set(ids(reader, deployment).values()) == {1}
    expected = {orjson.loads(record.value)["report_id"] for record in deployment.published}
    assert ids(reader, deployment).keys() == expected
    for partition in range(deployment.partitions):
        position = decode_position(reader.latest(deployment.name(STATE), partition)[POSITION_KEY])
        assert deployment.name(VERIFIED) in position


def test_a_new_topic_with_another_number_of_partitions_is_refused(deploy):
    deployment = deploy()
    deployment.publish(generate(32, 200, notices=0))
    worker = deployment.fleet.start()
    deployment.wait_until_applied()
    worker.terminate()
    deployment.fleet.tend()
    forget(deployment, VERIFIED)
    Operator(deployment.bootstrap).set_partitions(deployment.name(VERIFIED), 6)
    refused = deployment.fleet.start()
    assert refused.wait(30) == 1
    assert f"{deployment.name(VERIFIED)}: has 6 partitions, message-reports has 4" in refused.text


def test_a_verified_topic_that_was_recreated_is_refused(deploy):
    deployment = deploy()
    deployment.publish([notice(number) for number in range(200)])
    worker = deployment.fleet.start()
    deployment.wait_until_applied()
    worker.terminate()
    deployment.fleet.tend()
    Operator(deployment.bootstrap).delete(deployment.name(VERIFIED))
    deployment.create_topics()
    refused = deployment.fleet.start()
    assert refused.wait(30) == 1
    assert "deleted and recreated" in refused.text


def forget(deployment, topic):
    """Write every position without `topic`, as a worker wrote it that did not know it."""
    operator = Operator(deployment.bootstrap)
    reader = deployment.outputs()
    for partition in range(deployment.partitions):
        position = decode_position(reader.latest(deployment.name(STATE), partition)[POSITION_KEY])
        del position[deployment.name(topic)]
        operator.write(deployment.name(STATE), partition, [(POSITION_KEY, encode_position(position))])
