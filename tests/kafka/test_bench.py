"""`make bench` measures every figure that its table has, also beside peers."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench.figures import FIGURES, PEER_FIGURES, Figure
from tests.tools import missing, program

ROOT = Path(__file__).parents[2]


# Some eight minutes on two quiet cores.
@pytest.mark.nightly
@pytest.mark.timeout(2_400)
def test_a_quick_run_measures_every_figure(tmp_path: Path) -> None:
    run_all(tmp_path, FIGURES)


# It fetches a Java package of 73 MB and some Python packages, the first time.
@pytest.mark.nightly
@pytest.mark.timeout(2_400)
def test_the_peers_count_what_the_reports_say(tmp_path: Path) -> None:
    program("javac", "apt-get install default-jdk-headless")
    run_all(tmp_path, PEER_FIGURES, "peers")


def run_all(folder: Path, figures: Sequence[Figure], *scenarios: str) -> None:
    """Run the scenarios quickly: every figure must be there."""
    found = folder / "runs.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick", "--json", str(found), *scenarios],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=2_000,
    )
    assert done.returncode == 0, done.stdout
    left_out = [line for line in done.stdout.splitlines() if " is left out: " in line]
    if left_out:
        missing("; ".join(left_out))
    [run] = json.loads(found.read_text())
    assert {figure.name for figure in figures} <= set(run["figures"])
