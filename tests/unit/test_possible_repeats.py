"""A report that is too old to be told from a repeat says so, and one of yesterday counts in nothing."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from streams.contract.wire.topics import ESCALATIONS, REPORTER_NOTICES
from streams.deciding.partition import duplicates
from streams.deciding.partition.settings import PartitionSettings
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.state import ReportState, restore_reports
from streams.desk.text.record_text import READABLE
from tests.unit.traffic import (
    DAY,
    HOUR,
    MINUTE,
    SHIPPED,
    START,
    Record,
    counted,
    escalations,
    fold,
    of_topic,
    report,
    run,
)

# A partition that remembers twenty ids.
FEW = compile_report_rules(SHIPPED, settings=PartitionSettings(duplicates_most=20))
MANY = compile_report_rules(SHIPPED)


@pytest.fixture(autouse=True)
def small_slots() -> Iterator[None]:
    with patch.multiple(duplicates, SLOT_SIZE=1, LEAST_REMEMBERED=0):
        yield


def detection(time: int, number: int = 0) -> Record:
    return report(
        number,
        time,
        channel="found",
        appended=time + 12 * HOUR,
        category="csam",
        kind="automated_detection",
        reporter={"kind": "automated"},
        classifier={"name": "m", "version": "1", "score": 0.99},
        message_ref="m1",
    )


def others(number: int, time: int) -> list[Record]:
    return [report(number + at, time, channel=f"c{number + at}") for at in range(30)]


def enriched(batch: Any) -> list[tuple[bool, Any, Any]]:
    events = [msgspec.json.decode(row.value) for row in batch.outputs if row.topic == "enriched-reports"]
    return [
        (event["counted"], event["not_counted_reason"], event.get("possible_repeat", "missing"))
        for event in events
    ]


def test_a_replay_of_yesterday_raises_nothing() -> None:
    state = ReportState(0, 1, FEW)
    first = run(state, FEW, [detection(START)])
    assert [level for _, level, _ in escalations(first)] == [2]
    for again in range(1, 5):
        run(state, FEW, others(100 * again, START + 12 * HOUR + again * MINUTE))
        batch = run(state, FEW, [detection(START)])
        assert enriched(batch) == [(False, "late", True)]
        assert escalations(batch) == []
        assert (counted(batch)["possible_repeats"], counted(batch)["late"]) == (1, 1)


def test_it_is_dropped_as_long_as_it_is_remembered() -> None:
    state = ReportState(0, 1, MANY)
    run(state, MANY, [detection(START)])
    for again in range(1, 5):
        run(state, MANY, others(100 * again, START + again * 5 * HOUR))
        batch = run(state, MANY, [detection(START)])
        assert enriched(batch) == []
        assert counted(batch)["duplicates"] == 1
    # The day is over.
    run(state, MANY, others(900, START + DAY + MINUTE))
    assert enriched(run(state, MANY, [detection(START)])) == [(False, "late", True)]


def test_what_is_late_by_hours_counts_and_says_so() -> None:
    """Where a partition remembers minutes, a flood of an hour ago must still be found."""
    state = ReportState(0, 1, FEW)
    run(state, FEW, others(100, START + 12 * HOUR))
    batch = run(state, FEW, [detection(START)])
    assert enriched(batch) == [(True, None, True)]
    assert [level for _, level, _ in escalations(batch)] == [2]
    assert counted(batch)["possible_repeats"] == 1


def test_a_late_report_that_can_be_told_apart_counts() -> None:
    state = ReportState(0, 1, FEW)
    run(state, FEW, others(100, START))
    run(state, FEW, others(200, START + DAY)[:20])
    assert state.recent.forgotten_until == START
    assert enriched(run(state, FEW, [detection(START + 1, 2)])) == [(True, None, "missing")]
    run(state, FEW, others(300, START + DAY))
    assert enriched(run(state, FEW, [detection(START + 1, 3)])) == [(False, "late", True)]


def test_a_backlog_of_days_is_not_old() -> None:
    state = ReportState(0, 1, FEW)
    appended = START + 5 * DAY
    records = [
        report(number, START + number * HOUR, channel=f"c{number % 7}", appended=appended)
        for number in range(100)
    ]
    batch = run(state, FEW, records)
    assert enriched(batch) == [(True, None, "missing")] * 100


def test_where_the_state_is_restored_makes_no_difference() -> None:
    records = [
        *others(100, START),
        detection(START),
        *others(200, START + 13 * HOUR),
        detection(START),
        detection(START + 2 * HOUR, 1),
        *others(300, START + DAY + HOUR),
        detection(START + 2 * HOUR, 1),
        detection(START + DAY + HOUR, 2),
    ]
    whole = ReportState(0, 1, FEW)
    wanted = [row for record in records for row in run(whole, FEW, [record]).outputs]
    stored: dict[bytes, bytes] = {}
    found = []
    for record in records:
        state = restore_reports(0, 1, FEW, stored.items())
        batch = run(state, FEW, [record])
        found += batch.outputs
        fold(stored, batch.changes)
    assert found == wanted


def test_its_reporter_gets_one_receipt_and_its_clock_starts_once() -> None:
    state = ReportState(0, 1, FEW)
    notice = report(
        1,
        START,
        channel="victims",
        category="ncii",
        kind="statutory_victim_request",
        message_ref="m1",
        reporter={"kind": "user", "ref": "v"},
        evidence=[{"country": "US", "basis": "victim", "confidence": 1.0}],
        notice={"elements": ["location", "good_faith", "contact", "signature"]},
    )
    run(state, FEW, others(100, START + 13 * HOUR))
    first = run(state, FEW, [notice])
    # Nobody looks at the channel yet.
    assert enriched(first) == [(True, None, True)]
    assert "intimate-images" in {event["policy"] for event in of_topic(first, ESCALATIONS)}
    assert {REPORTER_NOTICES, ESCALATIONS} < {row.topic for row in first.outputs}
    run(state, FEW, others(300, START + 14 * HOUR))
    again = run(state, FEW, [notice])
    assert enriched(again) == [(False, "late", True)]
    assert {row.topic for row in again.outputs} == {"enriched-reports", "transparency-counters"}


def test_what_it_prints_says_so() -> None:
    state = ReportState(0, 1, FEW)
    run(state, FEW, others(100, START + DAY))
    outputs = run(state, FEW, [report(1, START, category="terrorism")]).outputs
    [row] = [output for output in outputs if output.topic == "enriched-reports"]
    record = Record(row.topic, 0, 0, START, row.key, row.value, row.headers)
    assert "not counted: late, may be a repeat" in READABLE[row.topic](record)
