"""A platform that lets secondary rows of law arm clocks: more kinds of clocks run than with the shipped one."""

import tempfile
from functools import cache
from pathlib import Path

from streams.registry.loader import SHIPPED_LAW

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
