"""The order of the suite: recorded durations of files that exist."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_recorded_file_exists_and_took_a_second():
    recorded = json.loads((ROOT / "tests/durations.json").read_text())
    assert [file for file in recorded if not (ROOT / file).exists()] == []
    assert all(seconds >= 1 for seconds in recorded.values())
