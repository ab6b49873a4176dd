"""The inputs from which `make fuzz-native` begins reach what they are to search, and none of them fails."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.native import fuzz_inputs
from tests.tools import program

NATIVE = Path(__file__).parents[2] / "native"


def test_what_is_fuzzed_has_all_modules_that_it_uses():
    """Nothing compiles it between two nights."""
    modules = re.findall(
        r'#\[path = "../../src/(\w+)\.rs"\]', (NATIVE / "fuzz" / "src" / "lib.rs").read_text()
    )
    assert modules
    for name in modules:
        used = re.findall(r"\bcrate::(\w+)", (NATIVE / "src" / f"{name}.rs").read_text())
        assert set(used) <= set(modules), name


@pytest.mark.nightly
def test_the_native_core_takes_what_it_has_written_and_most_of_what_is_published(tmp_path):
    program("cargo", "apt-get install cargo-web")
    fuzz_inputs.write(tmp_path)
    folders = sorted(tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, NATIVE / "replay.py", *folders],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {name: (int(taken), int(all_)) for name, taken, all_ in map(str.split, done.stdout.splitlines())}
    assert rows.keys() == {folder.name for folder in folders}
    for name, (taken, all_) in rows.items():
        # Many reports are damaged on purpose, or have what is Python's.
        assert taken > all_ / 3, name
