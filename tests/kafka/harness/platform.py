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
    shipped = (SHIPPED_LAW / "platform.yaml").read_text(encoding="utf-8")
    assert "\nsecondary_rows_arm: false\n" in shipped
    path = Path(_FOLDER.name) / "platform.yaml"
    path.write_text(shipped.replace("secondary_rows_arm: false", "secondary_rows_arm: true"), "utf-8")
    return path


@cache
def policies_that_hold_nothing_back() -> Path:
    """The shipped policies.yaml with `ask` in shadow."""
    shipped = (SHIPPED / "policies.yaml").read_text(encoding="utf-8")
    assert "\nask:\n  mode: live\n" in shipped
    path = Path(_FOLDER.name) / "policies.yaml"
    path.write_text(shipped.replace("\nask:\n  mode: live\n", "\nask:\n  mode: shadow\n"), "utf-8")
    return path
