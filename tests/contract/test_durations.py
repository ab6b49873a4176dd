"""The order of the suite, by the recorded durations of files that exist."""

import json
from pathlib import Path

from tests.order import in_order

ROOT = Path(__file__).parents[2]


def test_every_recorded_file_exists_and_took_a_second():
    recorded = json.loads((ROOT / "tests/durations.json").read_text())
    assert [file for file in recorded if not (ROOT / file).exists()] == []
    assert all(seconds >= 1 for seconds in recorded.values())


def test_files_that_wait_and_files_that_compute_run_beside_each_other_the_longest_first():
    seconds = {f"tests/kafka/{n}.py": 10 * n for n in range(1, 9)} | {
        f"tests/unit/{n}.py": n for n in range(1, 9)
    }
    order = in_order([*seconds, "tests/unit/short.py"], seconds)
    assert sorted(order) == sorted([*seconds, "tests/unit/short.py"])
    for kind in ("kafka", "unit"):
        took = [seconds.get(file, 0) for file in order if kind in file]
        assert took == sorted(took, reverse=True)
    # Of each kind about the same share is done at any moment.
    for n in range(4, len(order), 4):
        shares = [sum(kind in file for file in order[:n]) for kind in ("kafka", "unit")]
        assert abs(shares[0] - shares[1]) <= 2
