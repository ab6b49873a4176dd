"""The shipped platform.yaml with another setting, for workers under test."""

import tempfile
from functools import cache
from pathlib import Path

from streams.registry.loader import SHIPPED_LAW

# Deleted when the process ends.
_FOLDER = tempfile.TemporaryDirectory(prefix="tocsin-platform-")


@cache
def trusting_platform() -> Path:
    """A platform that lets secondary rows of law arm clocks, so that more kinds of clocks run."""
    text = (SHIPPED_LAW / "platform.yaml").read_text(encoding="utf-8")
    shipped, trusting = "\nsecondary_rows_arm: false\n", "\nsecondary_rows_arm: true\n"
    assert shipped in text
    path = Path(_FOLDER.name) / "platform.yaml"
    path.write_text(text.replace(shipped, trusting), "utf-8")
    return path
