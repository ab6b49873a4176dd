"""The unit tests of the stage of reports, once more on the native core: golden logs, properties, replays,
restores.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.tools import native_core

native_core()
# Some minutes. That both cores write the same bytes is tested by test_same_bytes.py and fuzz.py.
pytestmark = pytest.mark.nightly

ROOT = Path(__file__).parents[2]
FILES = (
    "assess", "earlier_layout", "enrichment", "episodes", "open_episode_gates", "partition_state",
    "policy_backtest", "priority", "repartition", "replay", "report_clocks", "reporter_keys", "restore",
    "scenario", "slices", "source_controls", "sources", "transparency_assess", "version_0_2", "wrong_clocks",
)  # fmt: skip
LONG_FILES = ("law_change", "mixed_traffic", "report_clocks_model")
# These two look into the objects of the Python core.
LEFT_OUT = (
    "partition_state.py::test_restore_does_not_decode_counts",
    "wrong_clocks.py::test_the_state_is_sound_after_corrections_and_restores_leave_no_trace",
)


def test_they_pass_on_the_native_core() -> None:
    run_on_the_native_core(FILES, least=10_000)


def test_the_long_ones_pass_on_the_native_core() -> None:
    run_on_the_native_core(LONG_FILES, least=1_000)


def run_on_the_native_core(names: Sequence[str], least: int) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
            *(f"tests/unit/test_{name}.py" for name in names),
            *(f"--deselect=tests/unit/test_{name}" for name in LEFT_OUT),
        ],
        cwd=ROOT,
        env=os.environ | {"TEST_CORE": "native"},
        check=False,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8_000:]
    applied = re.search(r"reports applied natively: (\d+)", done.stdout)
    # Otherwise they would test the Python core once more.
    assert applied is not None
    assert int(applied[1]) > least
