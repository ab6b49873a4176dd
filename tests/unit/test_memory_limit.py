"""The memory that a worker may take is the smallest limit of its control groups, or that of the machine."""

from pathlib import Path

import pytest

from streams.running.operations import memory_limit as module
from streams.running.operations.memory_limit import memory_limit

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
