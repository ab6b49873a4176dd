"""The log tells the order of application, ticks included: applied again, in batches of any size, it gives the same."""

import random

import orjson
import pytest

from streams.assessment.assess import assess, next_due
from streams.assessment.partition_state import new_state
from tests.kafka.harness.deployment import ENRICHED, ESCALATIONS, INTERNAL, Deployment
from tests.kafka.harness.replay import check_replay, order_of, shipped_rules
from tests.kafka.harness.reports import Published, generate, now_ms, report

HOUR = 3_600_000


def spam(number, channel, occurred_ms):
    reporter = {"kind": "user", "ref": f"reporter-{number}", "member": True, "account_age": "over_1y"}
    document = report(
        f"s-{number}", occurred_ms, channel={"ref": channel, "visibility": "public"}, reporter=reporter
    )
    return Published(channel.encode(), orjson.dumps(document))


def resolved_episodes(deployment, reader):
    events = [orjson.loads(row.value) for row in reader.all(deployment.name(ESCALATIONS))]
    return [event["channel_ref"] for event in events if event["type"] == "resolved"]


def next_due_in(deployment, rules):
    """When something happens in the partition without a report, by the pure core."""
    state = new_state(0, 1, rules)
    assess(state, order_of(deployment, deployment.outputs(), 0), rules)
    return next_due(state)


@pytest.fixture(scope="module")
def logged(kafka, tmp_path_factory):
    """A log with everything in it: old reports, an episode that a tick resolved, new reports."""
    rules = shipped_rules()
    folder = tmp_path_factory.mktemp("logged")
    deployment = Deployment(kafka, f"replay-{folder.stat().st_ino}.", folder, partitions=1)
    try:
        start = now_ms() - 12 * HOUR
        # A flood in one channel; for an hour after it there is only traffic in another.
        deployment.publish([spam(number, "flooded", start + number) for number in range(20)])
        deployment.publish(
            [spam(100 + number, "other", start + HOUR + number * 60_000) for number in range(30)]
        )
        deployment.fleet.start()
        deployment.wait_until_applied(30)
        # Up to three things are due until the episode is over: the window empties, the clear is confirmed.
        for number in range(4):
            if resolved_episodes(deployment, deployment.outputs()):
                break
            ticks = deployment.outputs().count(deployment.name(INTERNAL))
            # The last report before something is due, and then silence: only a tick can move time on.
            deployment.publish([spam(1_000 + number, "other", next_due_in(deployment, rules) - 500)])
            deployment.fleet.wait_for(
                lambda: deployment.outputs().count(deployment.name(INTERNAL)) > ticks, 15, "a tick"
            )
            deployment.wait_until_applied(15)
        assert resolved_episodes(deployment, deployment.outputs()) == ["flooded"]
        # Hours later in terms of the log, so these also resolve what else was open.
        deployment.publish(generate(15, 3_000))
        deployment.wait_until_applied(30)
        yield deployment, deployment.outputs()
    finally:
        deployment.end()


def one_by_one(records):
    for record in records:
        yield [record]


def at_random(seed):
    def cut(records):
        chance = random.Random(seed)
        start = 0
        while start < len(records):
            end = start + chance.randint(1, 700)
            yield records[start:end]
            start = end

    return cut


def test_ticks_and_late_resolutions_are_in_the_log(logged):
    deployment, reader = logged
    assert reader.count(deployment.name(INTERNAL)) >= 1
    assert resolved_episodes(deployment, reader) == ["flooded", "other"]


@pytest.mark.parametrize(
    "cut", [None, one_by_one, at_random(1), at_random(2)], ids=["one", "each", "some", "others"]
)
def test_batches_of_any_size_give_the_same_bytes(logged, cut):
    deployment, reader = logged
    compared = check_replay(deployment, reader, shipped_rules(), cut)
    assert compared[ENRICHED] > 2_900


def test_another_order_would_give_other_bytes(logged):
    # The comparison above can fail: two neighbours of one channel exchanged are noticed.
    deployment, reader = logged

    def swapped(records):
        place = next(n for n in range(len(records) - 2, 0, -1) if records[n].key == records[n + 1].key)
        yield [*records[:place], records[place + 1], records[place], *records[place + 2 :]]

    with pytest.raises(AssertionError, match="differs from the replay"):
        check_replay(deployment, reader, shipped_rules(), swapped)
