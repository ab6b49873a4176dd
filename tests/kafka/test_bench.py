"""`make bench` measures every figure that its table has."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.figures import FIGURES

ROOT = Path(__file__).parents[2]


# Some eight minutes on two quiet cores.
@pytest.mark.nightly
@pytest.mark.timeout(2_400)
def test_a_quick_run_measures_every_figure(tmp_path: Path) -> None:
    found = tmp_path / "runs.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick", "--json", str(found)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=2_000,
    )
    assert done.returncode == 0, done.stdout
    [run] = json.loads(found.read_text())
    assert {figure.name for figure in FIGURES} <= set(run["figures"])
