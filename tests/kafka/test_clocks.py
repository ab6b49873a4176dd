"""Legal clocks in idle partitions: ticks alone bring their steps, even if the worker dies in between."""

import time
from dataclasses import replace

import orjson

from tests.kafka.harness.clock_oracle import STEPS
from tests.kafka.harness.deployment import ESCALATIONS, ROUTING
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.law import HOUR, clocks_of_report
from tests.kafka.harness.mix import Mix
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Facts, now_ms, to_ms, victims_request
from tests.kafka.harness.requests import FORMS, complete_request
from tests.kafka.harness.workers import patience

REMOVAL_ORDER = FORMS[0]
# How late a step may be. A worker needs a few seconds to start.
LATE_MS = 15_000


ELEMENTS = ("subject_or_authorised", "location")


def request_with_facts(number, received_ms):
    """A victim's request, and which clocks it must start."""
    channel = f"channel-{number}"
    clocks = clocks_of_report("statutory_victim_request", "ncii", ("IN",), ELEMENTS, received_ms)
    facts = Facts(
        f"v-{number}",
        channel,
        "ncii",
        "anonymous",
        None,
        "statutory_victim_request",
        "IN",
        clocks,
        received_ms,
    )
    return replace(victims_request(number, channel, received_ms), facts=facts)


def test_ticks_bring_the_steps_of_clocks_even_if_the_worker_dies(deploy):
    deployment = deploy(partitions=2)
    fleet = deployment.fleet
    mix = Mix(deployment, 7, 0, 1, 0)
    worker = fleet.start()
    fleet.wait_for(lambda: "owns partitions [0, 1]" in worker.text, 30, "the first takeover")
    # The next steps of two-hour and one-hour clocks, in both partitions: half, nine tenths and the end of
    # their time.
    start = now_ms()
    # On a busy machine a second worker takes over later, and must do so before the end.
    due_in = {5: 3_000, 9: 6_000, 10: round(12_000 * min(patience(), 4))}
    mix.until_ms = start + max(due_in.values())
    due = [
        (tenths, tenths * 10 + copy, start + soon + copy)
        for tenths, soon in due_in.items()
        for copy in range(6)
    ]
    deployment.publish(
        [request_with_facts(number, at - 2 * HOUR * tenths // 10) for tenths, number, at in due]
    )
    deployment.publish_requests(
        [
            complete_request(REMOVAL_ORDER, f"q-{number}", at - HOUR * tenths // 10)
            for tenths, number, at in due
        ]
    )
    deployment.wait_until_applied()

    topics = {deployment.name(ESCALATIONS), deployment.name(ROUTING)}
    with Reader(deployment.bootstrap, topics) as reader:

        def late(tenths):
            """Append time minus due time (ms) of the step at so many tenths, for the clocks made for it."""
            reason = reasons[tenths]
            rows = [row for topic in topics for row in reader.catch_up().all(topic)]
            steps = [(row.timestamp, row.key.decode(), orjson.loads(row.value)) for row in rows]
            return [
                appended - to_ms(event["at"])
                for appended, key, event in steps
                if event["reason"] == reason
                and key.endswith(tuple(f"-{tenths * 10 + copy}" for copy in range(6)))
            ]

        reasons = {tenths: reason for reason, tenths in STEPS}
        fleet.wait_for(lambda: len(late(5)) == 12, 20, "half of the time")
        (worker,) = fleet.running
        deployment.kill(worker)
        fleet.wait_for(lambda: len(late(9)) == 12, 20, "nine tenths of the time")
        (worker,) = fleet.running
        fleet.running.remove(worker)
        # No worker is running when the last steps are due.
        worker.end()
        evict_everybody(deployment.bootstrap, deployment.group)
        assert not late(10)
        time.sleep(max(0.0, (mix.until_ms - now_ms()) / 1000))
        fleet.start()
        fleet.wait_for(lambda: len(late(10)) == 12, 30, "the end of the time")
        for tenths in due_in:
            found = late(tenths)
            assert 0 <= min(found) and max(found) < LATE_MS, f"{tenths}: {found}"
    deployment.wait_until_applied()
    mix.check(deployment.outputs())
