"""Policies with which a few reports are a crowd about which a desk is asked."""

import re
from pathlib import Path

from streams.registry.loader import SHIPPED


def asking_policies(folder: Path) -> Path:
    """The shipped policies, asking live; `fraud` waits at level 1 from four reporters on."""
    text = (SHIPPED / "policies.yaml").read_text(encoding="utf-8")
    changed, asks = re.subn(r"(?m)^ask:\n  mode: \w+$", "ask:\n  mode: live", text)
    changed, fraud = re.subn(r"\{distinct_reporters: 5, risk: 0\.2\}", "{distinct_reporters: 2}", changed)
    changed, levels = re.subn(
        r"\{distinct_reporters: 20, risk: 1\.5\}", "{distinct_reporters: 4, risk: 0.01}", changed
    )
    assert (asks, fraud, levels) == (1, 1, 1)
    path = folder / "policies.yaml"
    path.write_text(changed, encoding="utf-8")
    return path
