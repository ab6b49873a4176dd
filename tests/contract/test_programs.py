"""What `make` runs that is no test can be imported: otherwise a benchmark that nobody runs rots unseen."""

import importlib
import re
from pathlib import Path

import pytest

from tests.tools import native_core

MAKEFILE = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
PROGRAMS = sorted(set(re.findall(r"-m (tests(?:\.\w+)+)", MAKEFILE)))


def test_the_programs_are_found():
    assert {"tests.bench", "tests.evaluate", "tests.scale"} < set(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_can_be_imported(name):
    if ".native." in name:
        native_core()
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        importlib.import_module(f"{name}.__main__")
