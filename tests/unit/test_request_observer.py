"""What the stage of requests logs and counts for an operator."""

import pytest
from structlog.testing import capture_logs

from streams.deciding.reports.stage import SOURCES as REPORT_SOURCES
from streams.deciding.requests.stage import SOURCES
from streams.running.operations.worker_operations import WorkerOperations
from streams.running.partitions.observer import CommittedBatch, Takeover
from streams.running.worker.observers import RequestObserver
from tests.request_strategies import SHIPPED
from tests.unit.request_traffic import (
    NOON,
    new_requests,
    preservation_order,
    removal_order,
    request_record,
    run_requests,
    tick_record,
)
from tests.unit.traffic import HOUR, PYTHON


@pytest.fixture
def operations():
    return WorkerOperations(SHIPPED, {"reports": REPORT_SOURCES, "requests": SOURCES}, list, PYTHON)


def commit(observer, state, records):
    outcome = run_requests(state, records)
    counted = {SOURCES.external[0]: len(records)}
    with capture_logs() as logged:
        observer.committed(
            CommittedBatch(0, counted, [record.timestamp for record in records], outcome, 0.01)
        )
    return logged


def test_records_are_counted_by_topic_and_important_events_are_logged(operations):
    observer, state = RequestObserver(operations), new_requests()
    bad = request_record(removal_order())._replace(value=b"{")
    keys = removal_order("ar-7", demands=["encryption_keys"])
    order = request_record(removal_order())
    logged = commit(
        observer, state, [order, order, bad, request_record(keys), tick_record(2, NOON + 2 * HOUR)]
    )
    metrics = operations.metrics
    assert metrics.records.of("authority-requests") == 5
    assert metrics.dead_letters.of("requests", "not_json") == 1
    assert metrics.duplicates.of() == 1
    assert metrics.authority_requests.of("removal_order", "routed") == 1
    assert metrics.authority_requests.of("removal_order", "refused") == 1
    assert metrics.refusals.of("encryption_keys") == 1
    assert metrics.clock_transitions.of("EU.tco.art3-3", "lapsed") == 1
    assert metrics.ticks_read.of("honoured") == 1
    refused, lapsed, unreadable = logged
    assert (refused["event"], refused["code"]) == ("a request is refused", "encryption_keys")
    assert (lapsed["event"], lapsed["obligation"]) == ("a request's legal clock has lapsed", "EU.tco.art3-3")
    assert unreadable == {
        "event": "not a valid request", "log_level": "warning", "topic": "authority-requests",
        "partition": 0, "offset": 0, "reason": "not_json", "field": "value", "in_this_batch": 1,
    }  # fmt: skip
    assert not any("ar-" in str(line) for line in logged)


def test_the_worker_is_not_ready_while_a_partition_of_requests_is_restored(operations):
    observer = RequestObserver(operations)
    operations.readiness.rebalanced()
    observer.taking_over(3)
    assert "0 of 1 partitions, not yet 3 of requests" in operations.readiness.reason_against()
    # The partition of reports with the same number is a different one.
    operations.readiness.taking_over(3)
    operations.readiness.settled(3)
    assert operations.readiness.restoring
    observer.taken_over(Takeover(3, new_requests(), 0.1, 10))
    assert operations.readiness.reason_against() is None
    assert operations.metrics.restored_records.of() == 10
    observer.taking_over(4)
    observer.released(4)
    assert operations.readiness.reason_against() is None


def test_ticks_and_failures_are_counted(operations):
    observer = RequestObserver(operations)
    observer.ticked(0)
    observer.transaction_failed(0, fenced=True)
    observer.transaction_failed(0, fenced=False)
    assert operations.metrics.ticks_written.of() == 1
    assert operations.metrics.transactions_failed.of("fenced") == 1
    assert operations.metrics.transactions_failed.of("not_committed") == 1


def test_an_ordinary_batch_logs_nothing(operations):
    assert commit(RequestObserver(operations), new_requests(), [request_record(preservation_order())]) == []
