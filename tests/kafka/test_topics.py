"""Creating and checking the topics of the catalogue on a real broker."""

import asyncio
import re

import msgspec
import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streams.running.errors import RefusedToStart
from streams.running.log.connection import Connection
from streams.running.topics.topic_admin import admin_client, check_topics, create_topics, topic_name
from streams.running.topics.topic_catalogue import load_catalogue
from streams.running.worker.settings import load_settings
from tests.kafka.harness.admin import create_and_see

CATALOGUE = load_catalogue()


def with_admin(kafka, action):
    async def run():
        async with admin_client(Connection(kafka)) as admin:
            return await action(admin)

    return asyncio.run(run())


def test_created_topics_pass_the_check_and_are_not_changed_again(kafka, prefix):
    async def action(admin):
        created = await create_topics(admin, CATALOGUE, prefix, 3, 1, 1)
        assert created == [topic_name(prefix, name) for name in CATALOGUE]
        assert await check_topics(admin, CATALOGUE, prefix, 1, 1) == []
        assert await create_topics(admin, CATALOGUE, prefix, 5, 1, 1) == []
        rows = [row for row in await admin.describe_topics() if row["topic"] in created]
        partitions = {row["topic"]: len(row["partitions"]) for row in rows}
        # Claims are in one order, so their topic has one partition whatever is asked for.
        assert partitions.pop(topic_name(prefix, "claims")) == 1
        assert partitions.pop(topic_name(prefix, "worker-progress")) == 1
        assert partitions.pop(topic_name(prefix, "desk-views")) == 1
        assert partitions.pop(topic_name(prefix, "rule-sets")) == 1
        assert partitions.pop(topic_name(prefix, "intake-positions")) == 1
        assert partitions.pop(topic_name(prefix, "rule-changes")) == 1
        assert partitions.pop(topic_name(prefix, "rule-trials")) == 1
        assert set(partitions.values()) == {3}

    with_admin(kafka, action)


def test_a_missing_topic_is_named_and_created_with_matching_partitions(kafka, prefix):
    fixed = {**CATALOGUE, "escalations": msgspec.structs.replace(CATALOGUE["escalations"], partitions=2)}

    async def action(admin):
        await create_and_see(admin, [NewTopic(prefix + "message-reports", 3, 1)])
        missing = [p.topic for p in await check_topics(admin, fixed, prefix, 1, 1) if "is missing" in p.what]
        assert missing == [prefix + name for name in fixed if name != "message-reports"]
        await create_topics(admin, fixed, prefix, 7, 1, 1)
        counts = {row["topic"]: len(row["partitions"]) for row in await admin.describe_topics()}
        assert counts[prefix + "channel-state"] == 3
        assert counts[prefix + "escalations"] == 2

    with_admin(kafka, action)


def test_every_difference_is_named_with_its_actual_and_expected_value(kafka, prefix):
    async def action(admin):
        state = CATALOGUE["channel-state"].settings(1)
        await create_and_see(
            admin,
            [
                NewTopic(prefix + "message-reports", 2, 1),
                NewTopic(prefix + "channel-state", 3, 1, topic_configs={**state, "cleanup.policy": "delete"}),
            ],
        )
        await create_topics(admin, CATALOGUE, prefix, 2, 1, 1)
        problems = await check_topics(admin, CATALOGUE, prefix, 1, 1)
        found = {(problem.topic.removeprefix(prefix), problem.what) for problem in problems}
        assert ("channel-state", "has 3 partitions, message-reports has 2.") in found
        assert ("channel-state", "cleanup.policy is delete, it should be compact.") in found
        assert (
            "message-reports",
            "message.timestamp.type is CreateTime, it should be LogAppendTime.",
        ) in found
        assert ("message-reports", "retention.ms is 604800000, it should be 1209600000.") in found
        # cleanup.policy of message-reports is the broker's default, which is correct.
        assert not any(name == "message-reports" and what.startswith("cleanup") for name, what in found)
        assert {name for name, _ in found} == {"message-reports", "channel-state"}
        # Following the remedy fixes the problem.
        await admin.alter_configs(
            [
                ConfigResource(
                    ConfigResourceType.TOPIC,
                    prefix + "message-reports",
                    CATALOGUE["message-reports"].settings(1),
                )
            ]
        )
        for _ in range(100):
            left = {
                problem.topic.removeprefix(prefix)
                for problem in await check_topics(admin, CATALOGUE, prefix, 1, 1)
            }
            if left == {"channel-state"}:
                break
            await asyncio.sleep(0.05)
        assert left == {"channel-state"}

    with_admin(kafka, action)


def test_one_broker_is_answered_with_the_two_variables_to_set(kafka, prefix):
    shipped = load_settings({})
    defaults = (shipped.replication_factor, shipped.min_insync_replicas)

    def named(text):
        return dict(re.findall(r"(TOCSIN_\w+)=(\d)", text.partition("Set ")[2]))

    with pytest.raises(RefusedToStart) as caught:
        with_admin(kafka, lambda admin: create_topics(admin, CATALOGUE, prefix, 1, *defaults))
    (line,) = str(caught.value).splitlines()
    told = named(line)
    assert told == {"TOCSIN_REPLICATION_FACTOR": "1", "TOCSIN_MIN_INSYNC_REPLICAS": "1"}

    async def action(admin):
        before = await check_topics(admin, CATALOGUE, prefix, *defaults)
        # Nothing else is needed.
        settings = load_settings(told)
        follows = (settings.replication_factor, settings.min_insync_replicas)
        await create_topics(admin, CATALOGUE, prefix, 1, *follows)
        assert await check_topics(admin, CATALOGUE, prefix, *follows) == []
        return before, await check_topics(admin, CATALOGUE, prefix, *defaults)

    before, after = with_admin(kafka, action)
    assert named(str(before[0])) == told
    assert {problem.what.partition(",")[0] for problem in before[1:]} == {"is missing"}
    (problem,) = after
    assert named(str(problem)) == told


def test_checking_creates_nothing(kafka, prefix):
    async def action(admin):
        assert len(await check_topics(admin, CATALOGUE, prefix, 1, 1)) == len(CATALOGUE)
        return [name for name in await admin.list_topics() if name.startswith(prefix)]

    assert with_admin(kafka, action) == []


def test_two_creators_at_once_create_each_topic_once(kafka, prefix):
    async def action(admin):
        created = await asyncio.gather(*(create_topics(admin, CATALOGUE, prefix, 2, 1, 1) for _ in range(2)))
        return sorted(name for names in created for name in names)

    assert with_admin(kafka, action) == sorted(prefix + name for name in CATALOGUE)
