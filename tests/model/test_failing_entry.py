"""An entry of a bundle on which the code fails holds up its partition alone, and can be skipped alone.

The real stages and cycles on brokers in memory: wherever workers take over in between, each other report is
counted once.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import TopicPartition
from structlog.testing import capture_logs

from streams.contract.events.internal.source_decision import SourceDecision
from streams.contract.wire.forms.source_decision import encode_source_decision
from streams.deciding.reporters import handle as reporters
from streams.deciding.reports import handle as reports
from streams.running.log.claims import StatePartition
from streams.running.partitions import setback
from tests.model.catching_up import HOME, NOW, RELAY, Fleet, Report, history
from tests.unit.traffic import MINUTE

PARTITIONS = 2
POISON = "n120"


class Bug:
    """Fails on one report in one stage, as long as it is there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
        self.is_there = True
        self.stage, self.topic = stage, RELAY if stage == "reporters" else HOME
        # Virtual seconds are work, too.
        monkeypatch.setattr(setback, "FIRST_PAUSE", 1.0)
        monkeypatch.setattr(setback, "LONGEST_PAUSE", 1.0)
        module, name = (reporters, "_size") if stage == "reporters" else (reports, "apply_once")
        right: Any = getattr(module, name)

        def wrong(*arguments: Any) -> Any:
            if self.is_there and any(_id_of(each) == POISON for each in arguments):
                raise ZeroDivisionError("bug")
            return right(*arguments)

        monkeypatch.setattr(module, name, wrong)


def _id_of(argument: Any) -> str:
    return getattr(getattr(argument, "event", argument), "report_id", "")


@pytest.fixture(params=["reporters", "reports"])
def bug(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bug:
    return Bug(monkeypatch, request.param)


def published() -> list[Report]:
    """So many that each partition gets bundles of more than a hundred reports."""
    return history(1, 0.5, PARTITIONS, floods=2, until=NOW - MINUTE)


def enriched(fleet: Fleet) -> Counter[str]:
    return Counter(
        json.loads(record.value or b"")["report"]["report_id"]
        for n in range(PARTITIONS)
        for record in fleet.brokers.committed(TopicPartition("enriched-reports", n))
    )


def letters(fleet: Fleet) -> list[dict[str, bytes]]:
    return [
        dict(record.headers)
        for n in range(PARTITIONS)
        for record in fleet.brokers.committed(TopicPartition("dead-letters", n))
    ]


def failing(fleet: Fleet) -> Iterator[tuple[StatePartition, Any]]:
    """The places at which an attempt is paused, and where in which log."""
    for worker in fleet.workers:
        for place, owner in worker.ownership.owners.items():
            setback = owner.attempts._setback
            if owner.attempts.is_set_aside and setback is not None and setback.pause:
                yield place, setback.place


async def until_it_fails(fleet: Fleet) -> tuple[StatePartition, Any]:
    end = fleet.loop.now + 60
    while not (found := list(failing(fleet))):
        assert fleet.error is None, fleet.error
        assert fleet.loop.now < end, "nothing fails alone"
        await asyncio.sleep(0.5)
    (one,) = found
    return one


def skip(fleet: Fleet, bug: Bug, where: Any) -> None:
    decision = SourceDecision(bug.topic, "skip", "bug", "op-7f3a", where.offset + 1, where.entry)
    value, headers = encode_source_decision(decision)
    fleet.brokers.append(TopicPartition(bug.topic, where.partition), [(None, value, list(headers))])


def run(bug: Bug, *steps: str) -> Fleet:
    """A fleet to which these things happen after the report has failed alone."""
    sent = published()
    fleet = Fleet(PARTITIONS, (1, 1), seed=3)

    async def scenario() -> None:
        fleet.publish(sent)
        await fleet.start()
        place, where = await until_it_fails(fleet)
        assert (place.stage, place.partition) == (bug.stage, where.partition)
        assert (where.topic, where.entry is not None) == (bug.topic, True)
        origin = next(
            record
            for n in range(PARTITIONS)
            for record in fleet.brokers.committed(TopicPartition("message-reports", n))
            if json.loads(record.value or b"")["report_id"] == POISON
        )
        assert where.published == f"message-reports partition {origin.partition} offset {origin.offset}"
        for number, step in enumerate(steps):
            if step == "skip":
                skip(fleet, bug, where)
            elif step == "repair":
                bug.is_there = False
            elif step == "rebalance":
                await fleet.rebalance()
                # The same, also for who takes over in between.
                if bug.is_there and "skip" not in steps[:number]:
                    assert await until_it_fails(fleet) == (place, where)
        await fleet.until_applied(len(sent) - ("skip" in steps), 60)
        # Nothing comes afterwards.
        await asyncio.sleep(5)

    fleet.loop.run(scenario())
    counted = enriched(fleet)
    assert set(counted.values()) == {1}
    ids = {json.loads(report.value)["report_id"] for report in sent}
    if "skip" not in steps:
        assert (set(counted), letters(fleet)) == (ids, [])
        return fleet
    assert set(counted) == ids - {POISON}
    (letter,) = letters(fleet)
    assert (letter["tocsin-reason"], letter["tocsin-topic"]) == (b"skipped", b"message-reports")
    return fleet


SLOW = [("rebalance", "repair"), ("repair",), ("skip",), ("skip", "rebalance")]


@pytest.mark.parametrize(
    "steps",
    [
        ("rebalance", "skip", "rebalance"),
        *(pytest.param(steps, marks=pytest.mark.slow) for steps in SLOW),
    ],
    ids="-".join,
)
def test_an_entry_that_fails_holds_up_what_comes_after_it_until_it_is_skipped_or_right(
    bug: Bug, steps: tuple[str, ...]
) -> None:
    # Tracebacks take longer to write than all else here.
    with capture_logs() as logs:
        run(bug, *steps)
    said = [log for log in logs if log["event"].startswith("partition set aside")]
    assert {log["stage"] for log in said} == {bug.stage}
    assert all(" entry " in log["records"] and "published as" in log["records"] for log in said)
