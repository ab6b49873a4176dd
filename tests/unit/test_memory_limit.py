"""The memory that a worker may take is the smallest limit of its control groups, or that of the machine."""

from pathlib import Path

import pytest

from streams.deciding.reports.census import take_report_census
from streams.deciding.reports.state import ReportState
from streams.running.operations import memory_limit as module
from streams.running.operations import worker_operations
from streams.running.operations.memory_limit import memory_limit, state_budget
from streams.running.operations.worker_operations import WorkerOperations
from tests.unit.traffic import PYTHON, SHIPPED, compiled

MACHINE = 64 << 30


@pytest.fixture
def limit_of(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_machine", lambda: MACHINE)
    own = tmp_path / "own"
    groups = tmp_path / "groups"
    groups.mkdir()

    def limit(line: str, limits: dict[str, str]) -> int | None:
        own.write_text(line)
        for group, text in limits.items():
            (groups / group).mkdir(parents=True, exist_ok=True)
            (groups / group / "memory.max").write_text(text)
        return memory_limit(groups, own)

    return limit


@pytest.mark.parametrize(
    ("line", "limits", "expected"),
    [
        # In a container of its own.
        ("0::/\n", {"": "2147483648\n"}, 2 << 30),
        # A unit of systemd in a slice; the lines of version 1 do not count.
        (
            "4:memory:/x\n0::/tocsin.slice/tocsin@1.service\n",
            {"tocsin.slice/tocsin@1.service": "1000\n"},
            1000,
        ),
        ("0::/a/b\n", {"a/b": "max\n", "a": "3000\n", "": "5000\n"}, 3000),
        ("0::/a/b\n", {"a/b": "max\n", "a": "max\n"}, MACHINE),
        ("0::/gone\n", {}, MACHINE),
        ("", {}, MACHINE),
    ],
)
def test_the_smallest_limit_counts(limit_of, line, limits, expected):
    assert limit_of(line, limits) == expected


def test_without_any_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_machine", lambda: None)
    assert memory_limit(tmp_path / "no", tmp_path / "none") is None
    monkeypatch.undo()
    assert (memory_limit(Path("/no"), Path("/none")) or 0) > 1 << 26


@pytest.mark.parametrize(
    ("limit", "budget"), [(512 << 20, 256 << 20), (1 << 30, 512 << 20), (4 << 30, 3584 << 20)]
)
def test_state_may_take_what_the_rest_does_not_need(limit, budget):
    assert state_budget(limit) == budget


def test_a_worker_has_room_until_its_state_takes_the_budget_and_again_when_an_eighth_is_free(monkeypatch):
    monkeypatch.setattr(worker_operations, "memory_limit", lambda: 2 << 30)
    operations = WorkerOperations(SHIPPED, {"reports": ("a",)}, list, PYTHON)
    taken = 0
    state = ReportState(0, 2, compiled())

    def census():
        return take_report_census(state)._replace(memory={"counts": taken // 2, "messages": taken // 2})

    assert operations.has_room() is True
    operations.partitions.taken_over("reports", 0, census, {})
    operations.partitions.taken_over("reports", 1, lambda: take_report_census(state), {})
    found = []
    for megabytes in (1300, 1400, 1535, 1537, 1400, 1300):
        taken = megabytes << 20
        found.append(operations.has_room())
    assert found == [True, None, None, False, None, True]
    assert b"tocsin_state_budget_bytes 1.610612736e+09" in operations._exposition.text()
    assert b"\ntocsin_partition_without_room{" not in operations._exposition.text()
    state.newcomers.say(has_room=False)
    shown = b'\ntocsin_partition_without_room{partition="1",stage="reports"} 1.0\n'
    assert shown in operations._exposition.text()


def test_without_a_limit_there_is_room(monkeypatch):
    monkeypatch.setattr(worker_operations, "memory_limit", lambda: None)
    operations = WorkerOperations(SHIPPED, {"reports": ("a",)}, list, PYTHON)
    assert operations.has_room() is True
    assert b"\ntocsin_state_budget_bytes" not in operations._exposition.text()
