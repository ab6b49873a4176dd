"""Shipped files with another setting, for workers under test.

A platform that lets secondary rows of law arm clocks, so that more kinds of clocks run; and policies that hold
nothing back until a desk answers. When an outcome that led to nothing was applied is in no log, and with
questions it may decide which level a later report reaches: tests/kafka/test_review_questions.py replays those.
"""

import tempfile
from functools import cache
from pathlib import Path

from streams.registry.loader import SHIPPED, SHIPPED_LAW

# Deleted when the process ends.
_FOLDER = tempfile.TemporaryDirectory(prefix="tocsin-platform-")


@cache
def trusting_platform() -> Path:
    """The shipped platform.yaml with `secondary_rows_arm: true`."""
    return _changed(SHIPPED_LAW / "platform.yaml", "secondary_rows_arm: false", "secondary_rows_arm: true")


@cache
def policies_that_hold_nothing_back() -> Path:
    """The shipped policies.yaml with `ask` in shadow."""
    return _changed(SHIPPED / "policies.yaml", "ask:\n  mode: live", "ask:\n  mode: shadow")


def _changed(shipped: Path, lines: str, others: str) -> Path:
    """A copy of a shipped file that has other whole lines instead of these."""
    text = shipped.read_text(encoding="utf-8")
    assert f"\n{lines}\n" in text
    path = Path(_FOLDER.name) / shipped.name
    path.write_text(text.replace(f"\n{lines}\n", f"\n{others}\n"), "utf-8")
    return path
