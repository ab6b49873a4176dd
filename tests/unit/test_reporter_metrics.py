"""What both observers count of reporters: outcomes, links, the guard-rail, suspected brigades, trust of
detectors.
"""

import pytest

from streams.counting.coordination import guard_rail
from streams.counting.coordination.signature import enter
from streams.deciding.reporters.counters import ReporterCounters
from streams.deciding.reports.counters import ReportCounters
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.state import ReportState
from streams.running.operations.worker_operations import WorkerOperations
from streams.running.partitions.observer import CommittedBatch
from streams.running.worker.observers import ReporterObserver, ReportObserver
from tests.unit.crowd_traffic import outcome, reported
from tests.unit.reporter_traffic import INTERNAL as REPORTERS_INTERNAL
from tests.unit.reporter_traffic import gate, read_back, stamp_all
from tests.unit.traffic import EXTERNAL, HOUR, INTERNAL, PYTHON, SHIPPED, START, report, run

BRIGADE = enter(enter(0, 1 | 7 << 8), 2 | 7 << 8)
RULES = compile_report_rules(SHIPPED)


def watched(observer_class, topic, batch):
    """The metrics after one batch."""
    operations = WorkerOperations(SHIPPED, {observer_class.stage: (topic,)}, lambda: [], PYTHON)
    observer = observer_class(operations)
    observer.committed(CommittedBatch(0, {}, [], batch, 0.01))
    return operations.metrics


@pytest.fixture(autouse=True)
def no_partition_is_needed(monkeypatch):
    monkeypatch.setattr(WorkerOperations, "batch_committed", lambda *_: None)


@pytest.mark.parametrize(("least", "without_effect"), [(100, 0), (0, 2)])
def test_links_and_outcomes_are_counted_and_those_beyond_the_guard_rail(least, without_effect, monkeypatch):
    monkeypatch.setattr(guard_rail, "LEAST", least)
    records = [*reported(1, 2, 3, signature=BRIGADE), outcome(1, "dismissed", START + HOUR)]
    batch = run(ReportState(0, 1, RULES), RULES, records)
    metrics = watched(ReportObserver, EXTERNAL, batch)
    assert metrics.moderation_outcomes.of() == 1
    assert metrics.reports_linked.of() == 2
    assert metrics.links_without_effect.of() == without_effect


def test_suspected_brigades_are_cases():
    batch = run(ReportState(0, 1, RULES), RULES, [])
    batch.counters = ReportCounters(brigades=2)
    metrics = watched(ReportObserver, INTERNAL, batch)
    assert metrics.integrity_cases.of("brigade") == 2
    assert metrics.integrity_cases.of("misuse") == 0


def test_trust_is_summed_over_reports_of_detectors_only():
    detector = report(1, START, reporter={"kind": "automated", "ref": "scan-1"}, kind="automated_detection")
    passed = read_back(gate([detector, report(2, START)]).outputs, REPORTERS_INTERNAL)
    batch = stamp_all(passed)
    assert sum(batch.counters.stamped.values()) == 2
    metrics = watched(ReporterObserver, REPORTERS_INTERNAL, batch)
    assert metrics.detector_reports.of() == 1
    prior = SHIPPED.reporters.priors["automated"]
    assert metrics.detector_trust.of() == pytest.approx(prior.alpha / (prior.alpha + prior.beta))
    assert ReporterCounters().detector_trust == 0
