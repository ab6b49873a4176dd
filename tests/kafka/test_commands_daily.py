"""Daily commands of an operator on a real broker: dead letters, state, explain, simulate, tail."""

import asyncio
import json
import re
import signal

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from click.testing import CliRunner

from streams.commands.main import commands
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.times import DAY, HOUR
from streams.running.log.claims import StatePartition
from streams.running.log.transaction import FENCED
from tests.kafka.harness.deployment import (
    DEAD_LETTERS,
    ENRICHED,
    ESCALATIONS,
    REQUESTS,
    SOURCE,
    STATE,
    VERIFIED,
)
from tests.kafka.harness.reports import Published, now_ms, report
from tests.kafka.harness.requests import FORMS, complete_request
from tests.kafka.harness.strange import publish_bomb, publish_with_undecodable_header_name
from tests.kafka.harness.zombie import claimant
from tocsin_demo.scenario import play_alone


@pytest.fixture
def deployment(deploy):
    return deploy(partitions=2)


@pytest.fixture
def tocsin(deployment):
    def run(*arguments, text=""):
        return CliRunner().invoke(commands, arguments, input=text, env=deployment.settings)

    return run


def produce(deployment, *records):
    """Produce (topic, key, value, headers, partition) records, as any other program would."""

    async def send():
        async with AIOKafkaProducer(bootstrap_servers=deployment.bootstrap) as producer:
            for topic, key, value, headers, partition in records:
                await producer.send_and_wait(deployment.name(topic), value, key, partition, headers=headers)

    asyncio.run(send())


def letter(value, reason, attempt=1, headers=()):
    described = [("tocsin-reason", reason.encode()), ("tocsin-attempt", b"%d" % attempt)]
    return (DEAD_LETTERS, b"channel-1", value, [*headers, *described], 0)


def applied(deployment):
    deployment.wait_until_applied(30)
    return deployment.outputs()


def attempts(reader, deployment):
    return [int(dict(row.headers)["tocsin-attempt"]) for row in reader.all(deployment.name(DEAD_LETTERS))]


def test_redriven_letters_count_once_and_bad_ones_stop_after_three_attempts(deployment, tocsin):
    good = orjson.dumps(report("late-1", now_ms()))
    redacted = orjson.dumps({"sha256": "0" * 64, "length": 3, "field": "reporter.ref"})
    # The first letter is a report that an older version refused and this one can read.
    produce(
        deployment,
        letter(good, "unsupported_version", headers=[("trace", b"kept")]),
        letter(b"{bad", "not_json"),
        (
            DEAD_LETTERS, None, redacted,
            [("content-type", b"application/json"), ("tocsin-reason", b"pii_detected"), ("tocsin-attempt", b"1")], 1,
        ),
    )  # fmt: skip
    deployment.fleet.start()

    dry = tocsin("dead-letters", "redrive", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "1 skipped, redacted" in dry.output
    assert dry.output.endswith("2 would be sent\n")
    assert deployment.outputs().count(deployment.name(SOURCE)) == 0

    only = tocsin("dead-letters", "redrive", "--reason", "unsupported_version")
    assert only.output == "1 of 1 sent\n"
    # The operator runs it again without knowing what the first run sent.
    again = tocsin("dead-letters", "redrive", "--rate", "1000")
    assert again.output.endswith("2 of 2 sent\n")
    reader = applied(deployment)
    assert reader.count(deployment.name(ENRICHED)) == 1
    sent = [row for row in reader.all(deployment.name(SOURCE)) if row.value == good]
    assert len(sent) == 2
    assert sent[0].key == b"channel-1"
    assert sent[0].headers == (("trace", b"kept"), ("tocsin-attempt", b"1"))
    assert sorted(attempts(reader, deployment)) == [1, 1, 1, 2]

    third = tocsin("dead-letters", "redrive", "--reason", "not_json")
    # The older letter of the same record is skipped: only the newest attempt is sent again.
    assert "1 skipped, older letters" in third.output
    assert third.output.endswith("1 of 1 sent\n")
    assert max(attempts(applied(deployment), deployment)) == 3
    last = tocsin("dead-letters", "redrive", "--reason", "not_json")
    assert "1 skipped, refused 3 times or more" in last.output
    assert last.output.endswith("0 of 0 sent\n")

    listed = tocsin("dead-letters", "list", "--reason", "not_json", "--since", "PT1H", "--json")
    rows = [json.loads(line) for line in listed.output.splitlines()]
    # Letters are listed by partition, and one without a key stays in the partition of its record, so sort by
    # attempt.
    assert sorted(row["attempt"] for row in rows) == [1, 2, 3]
    assert {row["value"] for row in rows} == {"{bad"}
    shown = tocsin("dead-letters", "show", f"{rows[-1]['partition']}/{rows[-1]['offset']}")
    assert re.search(r"^remedy +Encode with a JSON library", shown.output, re.M)
    assert "{bad" in shown.output
    assert tocsin("dead-letters", "show", "1/999").exit_code == 1


async def reset_while_a_worker_is_paused(deployment, partition, tocsin):
    """Reset the state while a worker that left the group is paused in a transaction; then let it commit.

    Returns the result of the reset, and the error of the commit if there is one.
    """
    place = StatePartition("reports", partition)
    async with claimant(deployment.bootstrap, deployment.prefix, place) as producer:
        await producer.send_and_wait(deployment.name(STATE), b"old", b"Kchannel-9\0spam", partition=partition)
        reset = await asyncio.to_thread(tocsin, "state", "reset", "--yes")
        try:
            await producer.commit_transaction()
        except KafkaError as error:
            return reset, error
    return reset, None


def test_state_is_shown_checked_and_reset_and_escalations_are_explained(deployment, tocsin):
    document = report("r-1", now_ms(), category="csam", channel={"ref": "channel-9", "visibility": "public"})
    deployment.publish([Published(b"channel-9", orjson.dumps(document))])
    worker = deployment.fleet.start()
    reader = applied(deployment)
    (event,) = (orjson.loads(row.value) for row in reader.all(deployment.name(ESCALATIONS)))

    home = home_partition(b"channel-9", 2)
    shown = tocsin("state", "show", "channel-9", "--json")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.output)
    assert found["partition"] == home
    assert {row["reports"] for row in found["windows"]} == {1}
    (episode,) = found["episodes"]
    assert (episode["status"], episode["escalation_id"]) == ("open", event["escalation_id"])
    assert event["escalation_id"] in tocsin("state", "show", "channel-9").output
    assert tocsin("state", "show", "channel-8").exit_code == 1

    described = tocsin("explain", event["escalation_id"])
    assert described.exit_code == 0, described.output
    assert re.search(r"reports +1 +>= +1", described.output)
    assert f"{deployment.name(SOURCE)}/{home}/0" in described.output
    assert event["policy_version"] in described.output
    assert tocsin("explain", "no-such-id").exit_code == 1

    assert tocsin("state", "check").output.endswith("the state is sound\n")
    refused = tocsin("state", "reset", "--yes")
    assert refused.exit_code == 1
    assert "1 worker is in group" in refused.output
    worker.signal(signal.SIGTERM)
    assert worker.wait(15) == 0
    deployment.fleet.running.clear()

    produce(deployment, (STATE, b"Kchannel-9\0spam", b"\x09 of tomorrow", [], home))
    broken = tocsin("state", "check")
    assert broken.exit_code == 1
    assert f"{deployment.name(STATE)} partition {home}" in broken.output
    assert "09" in broken.output

    asked = tocsin("state", "reset", text="n\n")
    assert asked.exit_code == 1
    assert "This deletes" in asked.output
    assert tocsin("state", "check").exit_code == 1
    assert tocsin("state", "show", "channel-9").exit_code == 1
    reset, commit_error = asyncio.run(reset_while_a_worker_is_paused(deployment, home, tocsin))
    assert reset.exit_code == 0, reset.output
    assert isinstance(commit_error, FENCED)
    assert tocsin("state", "check").output.endswith("the state is sound\n")
    assert tocsin("topics", "check").exit_code == 0

    deployment.fleet.start()
    deployment.fleet.wait_for(
        lambda: deployment.outputs().count(deployment.name(ESCALATIONS)) == 2, 30, "the escalation again"
    )
    # The event and its id are the same, so `explain` shows it once.
    assert tocsin("explain", event["escalation_id"]).output == described.output


def test_simulate_publishes_and_tail_filters(deployment, tocsin):
    made = tocsin("simulate", "--alone", "--storyline", "child-safety", "--end", "2026-03-01T12:00:00Z")
    assert made.exit_code == 0, made.output
    expected = list(play_alone(7, 1_772_366_400_000, ["child safety"]))
    assert made.output.startswith(f"{len(expected)} published")
    deployment.fleet.start()
    reader = applied(deployment)
    for topic in (SOURCE, VERIFIED):
        assert sorted(row.value for row in reader.all(deployment.name(topic))) == sorted(
            record.value for record in expected if record.topic == topic
        )
    events = [orjson.loads(row.value) for row in reader.all(deployment.name(ESCALATIONS))]
    opened = [event for event in events if event["type"] == "opened"]
    one = opened[0]
    arguments = ("tail", "escalations", "--from-beginning", "--json", "--max", "1")
    filtered = tocsin(
        *arguments, "--channel", one["channel_ref"], "--type", "opened", "--category", one["category"]
    )
    assert json.loads(filtered.output)["value"] == one
    # By the time at which they were written, which is later than what they tell of.
    rows = list(reader.all(deployment.name(ESCALATIONS)))
    since = sorted(row.timestamp for row in rows)[len(rows) // 2]
    newer = [row for row in rows if row.timestamp >= since]
    arguments = ("tail", "escalations", "--since", rfc3339(since), "--json", "--max", str(len(newer)))
    shown = [json.loads(line)["value"] for line in tocsin(*arguments).output.splitlines()]
    assert sorted(each["escalation_id"] for each in shown) == sorted(
        orjson.loads(row.value)["escalation_id"] for row in newer
    )


def test_tail_continues_after_records_that_a_worker_skips(deployment, tocsin):
    topic, request = deployment.name(REQUESTS), complete_request(FORMS[0], "order-1", now_ms())
    strange = Published(b"k", b"no request at all")
    asyncio.run(publish_with_undecodable_header_name(deployment.bootstrap, topic, strange))
    for partition in range(deployment.partitions):
        publish_bomb(deployment.bootstrap, topic, partition)
    produce(deployment, *((REQUESTS, request.key, request.value, [*request.headers], n) for n in range(2)))
    lines = tocsin("tail", "authority-requests", "--from-beginning", "--max", "5")
    assert lines.exit_code == 0, lines.output
    assert lines.stdout.count("order-1") == 2
    assert lines.stdout.count("refused: ") == 3
    # A warning goes to stderr, not among the results.
    assert "a batch cannot be unpacked" in lines.stderr
    assert "a batch cannot be unpacked" not in lines.stdout
    as_json = tocsin("tail", "authority-requests", "--from-beginning", "--max", "5", "--json")
    rows = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert sum("\\xff-name-in-\\xc3scii" in row["headers"] for row in rows) == 1


def test_tail_and_explain_name_the_policies_that_a_late_report_does_not_reach(deployment, tocsin):
    now = now_ms()
    aged = [("new", "spam", 0), ("in-its-own-time", "fraud", 30 * HOUR), ("old", "fraud", 20 * DAY),
            ("old-threat", "threat_to_life", 20 * DAY)]  # fmt: skip
    documents = [report(name, now - age, category=category) for name, category, age in aged]
    produce(
        deployment,
        *((SOURCE, b"channel-1", orjson.dumps(document), [], None) for document in documents),
    )
    deployment.fleet.start()
    applied(deployment)
    shown = tocsin("tail", "enriched-reports", "--from-beginning", "--max", "4").output
    late = "20 days late, out of reach of "
    assert [line.strip() for line in shown.splitlines() if " late, out of reach of " in line] == [
        f"{late}fraud (PT24H), fraud-voices (PT24H), fraud-linked (PT24H): it is counted, and no policy opens "
        "anything for it",
        f"{late}threat-to-life (PT24H): a person looks at it, and it adds no risk",
    ]
    # What is not shown moves time on, too.
    assert (
        late
        in tocsin(
            "tail", "enriched-reports", "--from-beginning", "--max", "1", "--category", "threat_to_life"
        ).output
    )

    new, between, old, threat = (tocsin("explain", name).output for name, *_ in aged)
    assert "out of reach" not in new + between
    assert re.search(
        r"^  policy +fraud \(PT24H\): judged in the windows of its own time$", between, re.MULTILINE
    )
    assert re.search(
        r"^  policy +fraud \(PT24H\): out of reach, the report came too late$", old, re.MULTILINE
    )
    assert re.search(r"^  led to +no escalation$", old, re.MULTILINE)
    opened = re.search(
        r"^  led to +opened threat-to-life level 1: tocsin explain (\S+)$", threat, re.MULTILINE
    )
    assert tocsin("explain", opened[1]).output.startswith(f"escalation {opened[1]}: open\n")
    assert json.loads(tocsin("explain", "old", "--json").output)["value"]["report"]["report_id"] == "old"
