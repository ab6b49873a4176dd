"""`tocsin state time` and `set-time`: what they show, refuse and write. tests/kafka/test_wrong_clocks.py uses
Kafka.
"""

from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.commands.state import partition_time
from streams.deciding.partition.hash_key import DEMONSTRATION_KEY
from streams.deciding.partition.state import PARTITION_TIME
from streams.deciding.reports.state import ReportState
from streams.running.log.restore import Restored
from tests.unit.traffic import DAY, HOUR, MINUTE, START, compiled, fold, report, run, tick

NOW = START + HOUR
RULES = compiled()
OPTIONS = ("--stage", "reports", "--reason", "the clock of broker 2 was wrong", "--actor", "op-7f3a")


def state_ahead(by):
    """The stored state of a partition whose time is ahead of NOW."""
    stored, state = {}, ReportState(0, 2, RULES)
    records = [report(0, START, channel="a"), report(1, START, channel="b"), tick(2, NOW + by)]
    fold(stored, run(state, RULES, records).changes)
    return stored


@pytest.fixture
def tocsin(monkeypatch):
    """Runs a command on two partitions: time of the first is a day ahead, nothing was applied in the second."""
    stored = state_ahead(DAY)
    written = []

    async def count(_connection, _topic):
        return 2

    async def records(_connection, _topic):
        yield SimpleNamespace(key=b"other", value=b"", partition=0)
        yield SimpleNamespace(key=PARTITION_TIME, value=state_ahead(0)[PARTITION_TIME], partition=0)
        yield SimpleNamespace(key=PARTITION_TIME, value=stored[PARTITION_TIME], partition=0)

    async def restored(*_):
        return Restored(stored, {}, True, len(stored))

    async def write(_settings, stage, partition, correction):
        written.append((stage.name, partition, correction))
        return run_command.appended

    def run_command(*arguments):
        run_command.written = written
        return CliRunner().invoke(
            commands, ["state", *arguments], env={"TOCSIN_HASH_KEY": DEMONSTRATION_KEY.hex()}
        )

    run_command.appended = None
    monkeypatch.setattr(partition_time, "partition_count", count)
    monkeypatch.setattr(partition_time, "committed_records", records)
    monkeypatch.setattr(partition_time, "read_state", restored)
    monkeypatch.setattr(partition_time, "write_correction", write)
    monkeypatch.setattr(partition_time, "clock_ms", lambda: NOW)
    return run_command


def test_time_is_shown_against_the_clock(tocsin):
    result = tocsin("time", "--stage", "reports")
    assert result.exit_code == 1
    assert "1 day, 0:00:00 ahead" in result.stdout
    assert "partition 0 of reports is ahead: see `tocsin state set-time --help`" in result.stderr


def test_time_that_is_right_is_no_problem(tocsin, monkeypatch):
    monkeypatch.setattr(partition_time, "clock_ms", lambda: NOW + DAY - 10 * MINUTE)
    result = tocsin("time")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("0:10:00 ahead") == 3


def test_without_yes_nothing_is_written(tocsin):
    result = tocsin("set-time", "--partition", "0", *OPTIONS)
    assert result.exit_code == 0, result.output
    assert "-> 2026-09-04T01:00:00.000Z (1 day, 0:00:00 ahead)" in result.stdout
    assert "2 of 2 counts" in result.stdout
    assert "nothing was written" in result.stdout
    assert tocsin.written == []


def test_a_correction_is_written_with_the_wrong_time_the_clock_the_reason_and_the_actor(tocsin):
    result = tocsin("set-time", "--partition", "0", *OPTIONS, "--yes")
    assert result.exit_code == 0, result.output
    [(stage, partition, correction)] = tocsin.written
    assert (stage, partition) == ("reports", 0)
    assert (correction.wrong_ms, correction.clock_ms, correction.actor) == (NOW + DAY, NOW, "op-7f3a")
    assert correction.reason == "the clock of broker 2 was wrong"


def test_a_broker_that_does_not_agree_is_reported(tocsin):
    tocsin.appended = NOW + DAY
    result = tocsin("set-time", "--partition", "0", *OPTIONS, "--yes")
    assert result.exit_code == 1
    assert "The correction has no effect. Correct the clock that is wrong" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--partition", "1", *OPTIONS), 1, "partition 1 of reports: its time is right"),
        (("--partition", "0", "--partition", "2", *OPTIONS), 1, "has partitions 0 to 1, there is no 2"),
        (("--partition", "0", *OPTIONS[:-1], "a@b.example"), 2, "--actor must be a string of 1 to 128"),
        (("--partition", "0", *OPTIONS[:-1], "+4915112345678"), 2, "--actor must be a string of 1 to 128"),
        (("--partition", "0", *OPTIONS, "--reason", "see a@b.example"), 2, "contain no e-mail address"),
        (("--partition", "0", *OPTIONS, "--reason", "x" * 501), 2, "--reason must have 1 to 500 characters"),
        (OPTIONS, 2, "Missing option"),
    ],
)
def test_what_makes_no_sense_is_refused(tocsin, arguments, code, message):
    result = tocsin("set-time", *arguments, "--yes")
    assert result.exit_code == code
    assert message in result.stderr
    assert tocsin.written == []
