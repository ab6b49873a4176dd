"""The log holds the order of application, ticks included: batches of any size replay to the same bytes."""

import random

import orjson
import pytest

from streams.contract.wire.forms.tick import decode_tick, encode_tick
from streams.deciding.reports.escalation.clock_events import clock_id
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from streams.deciding.requests.clock_events import clock_id as request_clock_id
from tests.kafka.harness.deployment import (
    DEAD_LETTERS,
    ENRICHED,
    ESCALATIONS,
    INTERNAL,
    ROUTING,
    Deployment,
)
from tests.kafka.harness.reader import Row
from tests.kafka.harness.replay import check_replay, order_of, shipped_rules
from tests.kafka.harness.reports import (
    Published,
    generate,
    now_ms,
    rfc3339,
    spam_report,
    take_it_down_request,
)
from tests.kafka.harness.requests import FORMS, complete_request, generate_requests

HOUR = 3_600_000


def outcome(number, occurred_ms):
    """A desk's outcome for the clock of `take_it_down_request(number)`."""
    document = {
        "outcome_id": f"o-{number}",
        "clock_id": clock_id("US.take-it-down.s3", f"victims-{number}", "", f"v-{number}"),
        "subject": "report",
        "key": f"victims-{number}",
        "outcome": "fulfilled",
        "occurred_at": rfc3339(occurred_ms),
    }
    return Published(None, orjson.dumps(document))


def order_outcome(number, change):
    """A desk's outcome for the one-hour clock of the second removal order."""
    document = {
        "outcome_id": f"o-{number}",
        "clock_id": request_clock_id("EU.tco.art3-3", "", "order-2"),
        "subject": "request",
        "key": "order-2",
        "outcome": change,
        "occurred_at": rfc3339(now_ms()),
        "reason": "manifest_errors",
    }
    return Published(None, orjson.dumps(document))


def order_events(deployment, reader, number):
    """The reasons of the events about a removal order, in order."""
    rows = [row for row in reader.all(deployment.name(ROUTING)) if row.key == b"order-%d" % number]
    return [orjson.loads(row.value)["reason"] for row in rows]


def escalations(deployment, reader):
    return [orjson.loads(row.value) for row in reader.all(deployment.name(ESCALATIONS))]


def resolved_episodes(deployment, reader):
    events = escalations(deployment, reader)
    return [event["channel_ref"] for event in events if event["reason"] == "cleared"]


def clock_events(deployment, reader):
    """(channel, reason) of each event about a clock of a report."""
    events = [event for event in escalations(deployment, reader) if event["policy"] == "legal-clock"]
    return [(event["channel_ref"], event["reason"]) for event in events]


def next_due_in(deployment, rules):
    """When the next transition is due in the partition, computed by the core."""
    state = ReportState(0, 1, rules)
    report_stage(rules).apply(state, list(order_of(deployment, deployment.outputs(), 0)))
    return state.next_due()


@pytest.fixture(scope="module")
def logged(kafka, tmp_path_factory):
    """A log with old reports, an episode that a tick resolved, clocks, requests and new reports."""
    rules = shipped_rules()
    folder = tmp_path_factory.mktemp("logged")
    deployment = Deployment(kafka, f"replay-{folder.stat().st_ino}.", folder, partitions=1)
    try:
        start = now_ms() - 12 * HOUR
        # During the test, one clock reaches half of its time and the other one ends.
        deployment.publish(
            [take_it_down_request(1, start - 20 * HOUR), take_it_down_request(2, start - 20 * HOUR)]
        )
        # A flood in one channel, followed by an hour of traffic in another one only.
        deployment.publish([spam_report(number, "flooded", start + number) for number in range(20)])
        deployment.publish(
            [spam_report(100 + number, "other", start + HOUR + number * 60_000) for number in range(30)]
        )
        deployment.fleet.start()
        deployment.wait_until_applied(30)
        deployment.publish_outcomes([outcome(2, start + 90 * 60_000), outcome(3, start)])
        # The first order soon reaches half of its hour; the clock of the second one is paused for a moment.
        half_soon, now = now_ms() + 2_000 - HOUR // 2, now_ms()
        orders = [
            complete_request(FORMS[0], f"order-{n}", received) for n, received in ((1, half_soon), (2, now))
        ]
        deployment.publish_requests([*generate_requests(16, 60), *orders])
        deployment.wait_until_applied(30)
        deployment.publish_outcomes([order_outcome(4, "paused"), order_outcome(5, "resumed")])
        deployment.wait_until_applied(30)
        # Up to three transitions are due before the episode is resolved: the window empties, the clear is
        # confirmed.
        for number in range(4):
            if resolved_episodes(deployment, deployment.outputs()):
                break
            due = next_due_in(deployment, rules)
            # One report just before a transition is due, and then silence: only a tick can advance time.
            deployment.publish([spam_report(1_000 + number, "other", due - 500)])
            deployment.fleet.wait_for(lambda: next_due_in(deployment, rules) > due, 15, "a tick")  # noqa: B023
        assert "flooded" in resolved_episodes(deployment, deployment.outputs())
        deployment.fleet.wait_for(
            lambda: "clock_half" in order_events(deployment, deployment.outputs(), 1), 15, "half of an hour"
        )
        # Hours later in log time, so these also resolve the other open episodes.
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
    assert [name for name in resolved_episodes(deployment, reader) if "victims" not in name] == [
        "flooded",
        "other",
    ]


def test_clocks_and_their_outcomes_are_in_the_log(logged):
    deployment, reader = logged
    events = clock_events(deployment, reader)
    assert [reason for channel, reason in events if channel == "victims-1"] == ["clock_armed", "clock_half"]
    assert [reason for channel, reason in events if channel == "victims-2"] == [
        "clock_armed",
        "clock_fulfilled",
    ]
    [letter] = [row for row in reader.all(deployment.name(DEAD_LETTERS)) if b"victims-3" in row.value]
    assert dict(letter.headers)["tocsin-reason"] == b"clock_not_running"


def test_steps_and_outcomes_of_requests_are_in_the_log(logged):
    deployment, reader = logged
    assert order_events(deployment, reader, 1) == ["judged", "clock_half"]
    assert order_events(deployment, reader, 2) == ["judged", "clock_paused", "clock_resumed"]


@pytest.mark.parametrize(
    "cut", [None, one_by_one, at_random(1), at_random(2)], ids=["one", "each", "some", "others"]
)
def test_batches_of_any_size_give_the_same_bytes(logged, cut):
    deployment, reader = logged
    compared = check_replay(deployment, reader, shipped_rules(), cut)
    assert compared[ENRICHED] > 2_900
    assert compared[ROUTING] > 50


def test_a_tick_that_its_owner_has_not_read_is_not_replayed(logged):
    # A worker that ends right after writing a tick leaves it unread.
    deployment, reader = logged
    internal = reader.rows[deployment.name(INTERNAL)][0]
    after = reader.count(deployment.name(ENRICHED))
    value, headers = encode_tick(after, now_ms() + HOUR)
    unread = Row(
        deployment.name(INTERNAL), 0, internal[-1].offset + 2, now_ms() + HOUR, None, value, tuple(headers)
    )
    internal.append(unread)
    try:
        check_replay(deployment, reader, shipped_rules())
    finally:
        internal.remove(unread)


def test_a_different_order_of_application_is_noticed(logged):
    # Shows that the comparison can fail: swapping two adjacent records of one channel is noticed.
    deployment, reader = logged

    def swapped(records):
        # Not ticks, which may come last: the time after two of them is the same in either order.
        neighbours = (
            n
            for n in range(len(records) - 2, 0, -1)
            if records[n].key == records[n + 1].key and {*map(decode_tick, records[n : n + 2])} == {None}
        )
        place = next(neighbours, None)
        if place is None:
            yield records
        else:
            yield [*records[:place], records[place + 1], records[place], *records[place + 2 :]]

    with pytest.raises(AssertionError, match="differs from the replay"):
        check_replay(deployment, reader, shipped_rules(), swapped)
