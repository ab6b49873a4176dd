"""A publisher brings so many new reporters, channels and messages to a partition in an hour, and no more."""

from collections.abc import Iterable
from typing import Any

import pytest

from streams.contract.wire.dead_letter import Rejected
from streams.deciding.partition.batch import Batch
from streams.deciding.partition.census import take_census
from streams.deciding.partition.moving import NewPartition, Shared
from streams.deciding.partition.admission.newcomers import (
    MOST_PUBLISHERS,
    NEWCOMERS,
    Newcomers,
    merge_newcomers,
)
from streams.deciding.partition.settings import PartitionSettings
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reporters.state import restore_reporters
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import restore_reports
from streams.deciding.requests.rules import compile_request_rules
from streams.deciding.requests.stage import request_stage
from tests.unit.reporter_traffic import read_back
from tests.unit.traffic import (
    HOUR,
    INTERNAL,
    REPORTERS_INTERNAL,
    SHIPPED,
    START,
    Record,
    compiled,
    fold,
    of_topic,
    report,
)

TOPIC = "message-reports"
FEW = PartitionSettings(new_reporters_per_hour=3, new_channels_per_hour=3, new_messages_per_hour=3)
MANY = 1_000


def bring(
    newcomers: Newcomers, number: int, source: str = "app", now: int = START, topic: str = TOPIC
) -> int:
    """How many of so many new channels are taken."""
    taken = 0
    for _ in range(number):
        try:
            newcomers.admit("channels", topic, source, now)
        except Rejected as rejected:
            assert (rejected.reason, rejected.field) == ("too_many_new", "channel.ref")
        else:
            taken += 1
    return taken


def restored(newcomers: Newcomers) -> Newcomers:
    again = Newcomers(FEW)
    change = newcomers.drain_change()
    assert change is not None
    key, value = change
    assert value is not None
    again.restore(key, value)
    return again


def test_more_are_refused_until_the_next_hour():
    newcomers = Newcomers(FEW)
    assert bring(newcomers, 5) == 3
    assert bring(newcomers, 5, now=START + HOUR - 1) == 0
    assert bring(newcomers, 5, now=START + HOUR) == 3


def test_each_kind_topic_and_publisher_has_a_limit_of_its_own():
    newcomers = Newcomers(FEW)
    assert bring(newcomers, 5) == 3
    newcomers.admit("messages", TOPIC, "app", START)
    assert bring(newcomers, 5, "other") == 3
    assert bring(newcomers, 5, topic="verified-reports") == 3


def test_invented_names_share_a_limit_and_take_no_place_of_who_was_there():
    newcomers = Newcomers(FEW)
    assert bring(newcomers, 1, "app") == 1
    invented = sum(bring(newcomers, 1, f"x{number}") for number in range(1_000))
    assert invented == MOST_PUBLISHERS - 1 + 3
    later = START + HOUR
    invented = sum(bring(newcomers, 1, f"y{number}", later) for number in range(1_000))
    # All that were there keep their places, so those that were not have only what is shared.
    assert invented == 3
    assert bring(newcomers, 5, "app", later) == 3


def test_who_was_silent_for_an_hour_loses_the_place():
    newcomers = Newcomers(FEW)
    for number in range(MOST_PUBLISHERS):
        bring(newcomers, 1, f"x{number}")
    bring(newcomers, 1, "x0", START + HOUR)
    bring(newcomers, 1, "x0", START + 2 * HOUR)
    assert bring(newcomers, 5, "app", START + 2 * HOUR) == bring(newcomers, 5, "b", START + 2 * HOUR) == 3


def test_a_restored_partition_goes_on_counting():
    newcomers = Newcomers(FEW)
    assert bring(newcomers, 2) == 2
    again = restored(newcomers)
    assert bring(again, 5) == 1
    assert newcomers.drain_change() is None


def test_time_that_was_ahead_starts_over_when_it_is_set_back():
    newcomers = Newcomers(FEW)
    bring(newcomers, 5, now=START + 100 * HOUR)
    newcomers.turn_back(START)
    assert bring(newcomers, 5) == 3
    newcomers.turn_back(START)
    assert bring(newcomers, 5) == 0


def test_partitions_that_are_merged_keep_the_most_of_the_newest_hour():
    old, one, two = Newcomers(FEW), Newcomers(FEW), Newcomers(FEW)
    bring(old, 3, now=START - HOUR)
    bring(one, 2)
    bring(two, 1)
    bring(two, 3, "other")
    shared = [
        Shared(number, dict([each.drain_change()]), frozenset())  # type: ignore[list-item]
        for number, each in enumerate((old, one, two))
    ]
    merged = Newcomers(FEW)
    ((key, value),) = merge_newcomers(NewPartition(0, 1, 10), shared).items()
    assert key == NEWCOMERS
    merged.restore(key, value)
    assert bring(merged, 5) == 1
    assert bring(merged, 5, "other") == 0
    assert merge_newcomers(NewPartition(0, 1, 10), []) == {}


class Deployment:
    """Both stages with one partition each, and what each has stored."""

    def __init__(self, **limits: int) -> None:
        every: dict[str, Any] = dict.fromkeys(
            ("new_reporters_per_hour", "new_channels_per_hour", "new_messages_per_hour"), MANY
        )
        settings = PartitionSettings(**{**every, **limits})
        self.rules = compiled(settings=settings)
        self.trust = compile_reporter_rules(SHIPPED, settings=settings)
        self.stored: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
        self.restart()

    def restart(self) -> None:
        self.reports = restore_reports(0, 1, self.rules, self.stored[0].items())
        self.reporters = restore_reporters(0, 1, self.trust, self.stored[1].items())

    def publish(self, records: Iterable[Record]) -> tuple[list[dict[str, Any]], list[tuple[str, ...]]]:
        """The enriched reports, and reason, field and id of each dead letter."""
        stage = report_stage(self.rules)
        gate = self._applied(0, stage.apply(self.reports, list(records)))
        passed = read_back(gate.outputs, REPORTERS_INTERNAL)
        stamped = self._applied(1, reporter_stage(self.trust).apply(self.reporters, passed))
        applied = self._applied(0, stage.apply(self.reports, read_back(stamped.outputs, INTERNAL)))
        batches = (gate, stamped, applied)
        self.letters = [row for each in batches for row in each.outputs if row.topic == "dead-letters"]
        assert not self.reports.breaker.dead_letters
        assert not self.reporters.breaker.dead_letters
        return (
            [event for each in batches for event in of_topic(each, "enriched-reports")],
            [
                tuple((dict(row.headers)[name] or b"").decode() for name in ("tocsin-reason", "tocsin-field"))
                for row in self.letters
            ],
        )

    def redrive(self) -> tuple[list[dict[str, Any]], list[tuple[str, ...]]]:
        """Publish the dead letters of the last call again, as `tocsin dead-letters redrive` does."""
        return self.publish(
            Record(TOPIC, 0, 900 + number, self.reports.time.newest_append, row.key, row.value, row.headers)
            for number, row in enumerate(self.letters)
        )

    def _applied(self, stage: int, batch: Batch) -> Batch:
        fold(self.stored[stage], batch.changes)
        return batch


def flood(numbers: Iterable[int], time: int = START, **fields: Any) -> list[Record]:
    """Reports each of which brings a reporter, a channel and a message."""
    return [
        report(number, time, **{"channel": f"c{number}", "message_ref": f"m{number}", **fields})
        for number in numbers
    ]


@pytest.mark.parametrize(
    ("limit", "field"),
    [
        ("new_reporters_per_hour", "reporter.ref"),
        ("new_channels_per_hour", "channel.ref"),
        ("new_messages_per_hour", "message_ref"),
    ],
)
def test_a_flood_of_newcomers_goes_to_the_dead_letters_and_back(limit: str, field: str):
    deployment = Deployment(**{limit: 3})
    enriched, letters = deployment.publish(flood(range(10)))
    assert len(enriched) == 3
    assert letters == [("too_many_new", field)] * 7
    # In the same hour they are refused again. Each later hour takes three more of them, each once.
    deployment.restart()
    assert deployment.redrive() == ([], letters)
    found = {event["report"]["channel"]["ref"] for event in enriched}
    for hours in (1, 2, 3):
        known = flood([0], START + hours * HOUR, report_id=f"later{hours}")
        letters = deployment.letters
        assert len(deployment.publish(known)[0]) == 1
        deployment.letters = letters
        again, _ = deployment.redrive()
        assert found.isdisjoint(event["report"]["channel"]["ref"] for event in again)
        found |= {event["report"]["channel"]["ref"] for event in again}
    assert found == {f"c{number}" for number in range(10)}


def test_what_is_known_and_other_publishers_go_on():
    deployment = Deployment(new_reporters_per_hour=3, new_channels_per_hour=3, new_messages_per_hour=3)
    assert len(deployment.publish(flood(range(10)))[0]) == 3
    known = [
        report(50 + number, START, channel=f"c{number}", message_ref=f"m{number}", reporter=by)
        for number in range(3)
        for by in (None, {"kind": "user", "ref": f"u{number}"})
    ]
    assert deployment.publish(known)[1] == []
    headers = (("ce_specversion", b"1.0"), ("ce_type", b"tocsin.report.v1"), ("ce_source", b"/other"))
    others = [
        record._replace(headers=[*headers, ("ce_id", b"r%d" % number)])
        for number, record in zip((60, 61, 62), flood((60, 61, 62)), strict=True)
    ]
    assert deployment.publish(others)[1] == []


def test_a_replay_of_the_log_refuses_the_same():
    first, again = Deployment(new_channels_per_hour=3), Deployment(new_channels_per_hour=3)
    for deployment in (first, again):
        for begin in range(0, 10, 5 if deployment is first else 1):
            deployment.publish(flood(range(begin, begin + (5 if deployment is first else 1))))
            deployment.restart()
    assert first.stored == again.stored


def say_room(deployment: Deployment, *, has_room: bool) -> int:
    """What a worker writes is read by both stages; how many records it writes."""
    written = 0
    for number, (stage, state, topic) in enumerate(
        (
            (report_stage(deployment.rules), deployment.reports, INTERNAL),
            (reporter_stage(deployment.trust), deployment.reporters, REPORTERS_INTERNAL),
        )
    ):
        said = stage.say_room(state, has_room=has_room)  # type: ignore[arg-type]
        if said is not None:
            assert said.topic == topic
            record = Record(topic, 0, 5_000, START, said.key, said.value, said.headers)
            fold(deployment.stored[number], stage.apply(state, [record]).changes)  # type: ignore[arg-type]
            written += 1
    return written


def test_without_memory_nobody_brings_anything_and_what_is_known_goes_on():
    deployment = Deployment()
    assert say_room(deployment, has_room=True) == 0
    assert deployment.publish(flood(range(3)))[1] == []
    assert say_room(deployment, has_room=False) == 2
    assert say_room(deployment, has_room=False) == 0
    deployment.restart()
    assert not take_census(deployment.reports).has_room
    assert deployment.publish(flood(range(3, 6))) == ([], [("too_many_new", "reporter.ref")] * 3)
    assert b"budget of memory" in dict(deployment.letters[0].headers)["tocsin-detail"]
    known = {"channel": "c0", "message_ref": "m0", "reporter": {"kind": "user", "ref": "u1"}}
    refused = deployment.letters
    assert len(deployment.publish([report(70, START, **known)])[0]) == 1
    assert say_room(deployment, has_room=True) == 2
    deployment.letters = refused
    assert len(deployment.redrive()[0]) == 3


def test_the_stage_of_requests_takes_whatever_the_memory():
    stage = request_stage(compile_request_rules(SHIPPED))
    assert stage.say_room(stage.restore(0, 1), has_room=False) is None
