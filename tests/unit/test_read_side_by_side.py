"""A stage stops before a record of a source that is not to be read so far yet, and says how far it read."""

from typing import Any

import pytest

from streams.deciding.partition.batch import Batch
from streams.deciding.partition.limits import LIMITS, Limits
from streams.deciding.reports.stage import report_stage
from tests.unit.crowd_traffic import outcome
from tests.unit.traffic import HOUR, MINUTE, START, Record, compiled, fold, report, tick

REPORTS, DESKS = "message-reports", "moderation-outcomes"
STAGE = report_stage(compiled())
# Without a reporter's ref a report is applied where it is published, if that is its home.
DIRECT = {"reporter": {"kind": "anonymous"}}


def read(records: list[Record], until: dict[str, int] | None, state=None) -> Batch:
    state = STAGE.restore(0, 1) if state is None else state
    *_, batch = STAGE.apply_in_slices(state, records, LIMITS, until)
    return batch


@pytest.mark.parametrize("fields", [{}, DIRECT])
def test_a_source_is_read_up_to_its_limit(fields: dict[str, Any]) -> None:
    records = [report(number, START + number * MINUTE, **fields) for number in range(10)]
    batch = read(records, {REPORTS: START + 4 * MINUTE})
    assert batch.finished_records == 5
    assert batch.counters.passed_to_reporters + batch.counters.applied == 5
    assert batch.reached == {REPORTS: START + 4 * MINUTE}
    assert batch.ahead is not None
    assert (batch.ahead.topic, batch.ahead.moment) == (REPORTS, START + 5 * MINUTE)


def test_without_a_limit_everything_is_read() -> None:
    records = [report(1, START), report(2, START + HOUR), report(3, START + MINUTE)]
    batch = read(records, None)
    assert (batch.finished_records, batch.ahead, batch.reached) == (3, None, {REPORTS: START + HOUR})


def test_only_the_sources_with_a_limit_are_held() -> None:
    """Reports have none here; a desk's outcome counts with when it was decided."""
    decided = outcome(7, "upheld", START + 2 * HOUR, appended=START + 3 * HOUR)
    batch = read([report(1, START + HOUR), decided], {DESKS: START + 2 * HOUR - 1})
    assert batch.finished_records == 1
    assert batch.ahead is not None
    assert (batch.ahead.topic, batch.ahead.moment) == (DESKS, START + 2 * HOUR)
    assert read([decided], {DESKS: START + 2 * HOUR}).reached == {DESKS: START + 2 * HOUR}


def test_what_other_partitions_passed_on_is_never_held() -> None:
    passed_on = report(1, START + HOUR)._replace(
        topic="message-reports-internal", headers=[("tocsin-origin", b"message-reports/1/7/%d" % START)]
    )
    state = STAGE.restore(0, 1)
    batch = read([passed_on, tick(1, START + 2 * HOUR)], {REPORTS: 0}, state)
    assert (batch.finished_records, batch.ahead, batch.reached) == (2, None, {})


def test_records_that_cannot_be_read_are_not_held() -> None:
    unreadable = report(1, START)._replace(value=b"{")
    batch = read([unreadable, report(2, START)], {REPORTS: START - 1})
    assert batch.finished_records == 1
    assert batch.counters.dead_letters.total() == 1


def test_where_a_source_is_stopped_changes_nothing() -> None:
    """Not even with due steps, which are taken in slices, before the record that waits."""
    records = [
        report(number, START + number * 7 * HOUR, channel=f"c{number % 3}", **DIRECT) for number in range(20)
    ]
    whole = read(records, None)
    state = STAGE.restore(0, 1)
    kept: dict[bytes, bytes] = {}
    outputs, begin, until = [], 0, START
    limits = Limits(3, 1 << 20, 2, 1, 1, 2, 1 << 20, 5)
    while begin < len(records):
        *_, batch = STAGE.apply_in_slices(state, records[begin:], limits, {REPORTS: until})
        outputs += batch.outputs
        fold(kept, batch.changes)
        begin += batch.finished_records
        if batch.ahead is not None:
            assert batch.ahead.moment > until
            until = batch.ahead.moment
            state = STAGE.restore(0, 1, kept.items())
    decided = [each for each in outputs if each.topic != "transparency-counters"]
    assert decided == [each for each in whole.outputs if each.topic != "transparency-counters"]
