"""Both stages together: what a desk decides about some reports changes how the next ones count."""

from collections.abc import Sequence

from tests.unit.both_stages import Deployment, of
from tests.unit.crowd_traffic import outcome
from tests.unit.traffic import HOUR, MINUTE, SHIPPED, START, Record, report


def crowd(target: int, time: int, size: int = 30, first: int = 0, category: str = "spam") -> list[Record]:
    """Reports by people who are not members, one of each about a message of a channel."""
    return [
        report(
            1_000 * target + number,
            time,
            channel=f"c{target}",
            message_ref=f"m{target}",
            category=category,
            reporter={"kind": "user", "ref": f"whistle{first + number}", "member": False},
        )
        for number in range(size)
    ]


def test_a_brigade_whose_reports_were_dismissed_counts_as_few_the_next_time():
    deployment = Deployment()
    first = deployment.publish(crowd(1, START))
    assert [event["level"] for event in of(first, "escalations")] == [1, 2]
    told = deployment.publish([outcome(1, "dismissed", START + HOUR, message="m1", channel="c1")])
    assert {notice["state"] for notice in of(told, "reporter-notices")} == {"decided"}
    assert len(of(told, "reporter-notices")) == 30

    second = deployment.publish(crowd(2, START + 2 * HOUR))
    [event] = of(second, "escalations")
    assert event["level"] == 1
    [case] = of(second, "integrity-cases")
    assert case["kind"] == "brigade"
    [*_, last] = of(second, "enriched-reports")
    assert last["integrity"]["members"] == 30
    assert last["integrity"]["sentence"].split(" 1 of 30")[0].endswith("all 30 count as 1.0 voices.")

    others = deployment.publish(crowd(3, START + 2 * HOUR, first=500))
    of_others = [event for event in of(others, "escalations") if event["channel_ref"] == "c3"]
    assert [event["level"] for event in of_others] == [1, 2]


def test_the_shipped_shadow_policies_tell_a_brigade_from_a_wave():
    deployment = Deployment(integrity="shadow", policies=SHIPPED.policies)

    def opened(target, time, first=0):
        outputs = deployment.publish(crowd(target, time, first=first, category="fraud"))
        events = of(outputs, "escalations") + of(outputs, "escalations-shadow")
        return {event["policy"] for event in events if event["channel_ref"] == f"c{target}"}

    assert opened(1, START) == {"fraud", "fraud-voices"}
    deployment.publish([outcome(1, "dismissed", START + HOUR, message="m1", channel="c1")])
    assert opened(2, START + 2 * HOUR) == {"fraud", "fraud-linked"}
    assert opened(3, START + 2 * HOUR, first=500) == {"fraud", "fraud-voices"}


def alone(person: int, channels: Sequence[str], time: int) -> list[Record]:
    """Reports by one person about a message of each channel that nobody else reports, all upheld."""
    records = []
    for number, channel in enumerate(channels):
        serial, message = 1_000 * person + number, f"m{person}-{number}"
        reporter = {"kind": "user", "ref": f"whistle{person}", "member": False}
        records += [
            report(900_000 + serial, time, channel=channel, message_ref=message, reporter=reporter),
            outcome(serial, "upheld", time + MINUTE, message=message, channel=channel),
        ]
    return records


def test_people_who_were_right_weigh_more_and_count_in_full():
    deployment = Deployment()
    for person in range(16):
        deployment.publish(alone(person, [f"p{person}-{number}" for number in range(6)], START + HOUR))
    # The limit of the day is that of the partition's time.
    outputs = deployment.publish(crowd(7, START + 9 * HOUR, size=16))
    [*_, last] = of(outputs, "enriched-reports")
    assert last["trust"]["trust_class"] == "high"
    assert "integrity" not in last
    raised = of(outputs, "escalations")[-1]
    assert (raised["level"], raised["counts"]["voices"], raised["counts"]["trusted_voices"]) == (2, 15, 15)


def test_a_crowd_that_stages_what_it_reports_earns_nothing():
    """Attack 1c: two messages in an own channel, reported by all accounts and rightly upheld."""
    deployment = Deployment()
    for target in range(1, 7):
        time = START + target * HOUR
        deployment.publish(crowd(target, time, size=30))
        deployment.publish(
            [outcome(target, "upheld", time + MINUTE, message=f"m{target}", channel=f"c{target}")]
        )
    outputs = deployment.publish(crowd(7, START + 9 * HOUR, size=30))
    trusts = [event["trust"] for event in of(outputs, "enriched-reports")]
    assert {(trust["trust_class"], trust["mean"]) for trust in trusts} == {("low", 0.25)}
    counts = of(outputs, "escalations")[-1]["counts"]
    assert (counts["trusted_voices"], counts["proven_voices"]) == (0, 0)


def test_nothing_that_is_published_names_a_reporter():
    deployment = Deployment()
    deployment.publish(crowd(1, START))
    deployment.publish([outcome(1, "dismissed", START + HOUR, message="m1", channel="c1")])
    deployment.publish(crowd(2, START + 2 * HOUR))
    topics = {output.topic for output in deployment.outputs}
    assert {"enriched-reports", "escalations", "reporter-notices", "integrity-cases"} <= topics
    for output in deployment.outputs:
        assert b"whistle" not in (output.key or b"") + (output.value or b"")
        assert not any(b"whistle" in content for _, content in output.headers)
    assert len(deployment.stored) > 50
    assert not any(b"whistle" in key + (value or b"") for key, value in deployment.stored)
