"""A back-test in any number of processes finds the same, and says where it failed."""

from contextlib import contextmanager
from dataclasses import asdict, replace

import pytest

from streams.commands.backtest import run
from streams.commands.backtest.comparison_text import Comparison, comparison_text
from streams.commands.backtest.findings import Findings, Judged
from streams.commands.backtest.judging import Sides, judge_partition
from streams.commands.shared.progress import Progress
from streams.deciding.reports.rules import compile_report_rules
from streams.running.worker.settings import load_settings
from tests.unit.backtest_fleet import PARTITIONS, BacktestFleet
from tests.unit.test_replay import RULES
from tests.unit.traffic import levels

IN_FORCE = RULES.registry
CANDIDATE = replace(
    IN_FORCE,
    policies=tuple(
        replace(each, levels=levels({"reports": 4}, {"reports": 8})) for each in IN_FORCE.policies
    ),
)


@pytest.fixture
def fleet(monkeypatch):
    """A fleet whose logs are read instead of those of brokers."""
    fleet = BacktestFleet(RULES, 11)
    fleet.run(200, [f"c{number}" for number in range(6)])

    @contextmanager
    def logs(_runner, _connection, _prefix, partition):
        yield fleet.logs_of(partition)

    async def partitions(_settings):
        return PARTITIONS

    monkeypatch.setattr(run, "partition_logs", logs)
    monkeypatch.setattr(run, "_partitions", partitions)
    return fleet


def judged(processes):
    progress = Progress("evaluated")
    result = run.judge_logs(
        load_settings(), IN_FORCE, CANDIDATE, "2000-01-01T00:00:00.000Z", processes, progress
    )
    return result, progress.count


def test_the_result_is_the_same_for_any_number_of_processes(fleet):
    alone, counted = judged(1)
    assert len(alone.in_force.episodes) > len(alone.candidate.episodes) > 0
    assert counted > sum(len(fleet.logs["enriched-reports", number]) for number in range(PARTITIONS))

    def text(result):
        sides = Judged(IN_FORCE, result.in_force), Judged(CANDIDATE, result.candidate)
        return comparison_text(Comparison(*sides, "next", result.verdicts))

    for processes in (2, 5):
        shared, also_counted = judged(processes)
        assert shared == alone
        assert list(shared.in_force.episodes) == list(alone.in_force.episodes)
        assert text(shared) == text(alone)
        assert also_counted == counted


def test_what_nobody_reads_is_not_written_and_changes_nothing(fleet):
    sides = Sides(RULES, compile_report_rules(CANDIDATE))
    alone = Sides(*(replace(rules, cases_alone=True) for rules in sides))
    written = []

    class Heard(Findings):
        def note(self, batch):
            written.extend(output.topic for output in batch.outputs)
            super().note(batch)

    for partition in range(PARTITIONS):
        job = PARTITIONS, "2000-01-01T00:00:00.000Z", lambda _: None
        whole = judge_partition(fleet.logs_of(partition), job[0], sides, *job[1:])
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("streams.commands.backtest.judging.Findings", Heard)
            short = judge_partition(fleet.logs_of(partition), job[0], alone, *job[1:])
        for side in ("in_force", "candidate"):
            found, wanted = getattr(short, side), getattr(whole, side)
            assert asdict(found) == asdict(wanted)
    assert "escalations" in written
    assert "enriched-reports" not in written


@pytest.mark.parametrize("processes", [1, 2])
def test_a_record_on_which_the_code_fails_is_named(fleet, monkeypatch, processes):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("streams.deciding.reports.handle.apply_report", fail)
    with pytest.raises(
        run.BackTestFailed, match=r"message-reports.* partition \d+ offset \d+.*: ZeroDivisionError"
    ):
        judged(processes)
