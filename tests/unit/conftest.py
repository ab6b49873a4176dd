"""What many tests begin with: the shipped rules, and a copy of their files to change."""

from pathlib import Path

import pytest

from streams.registry.loader import load_rules
from streams.registry.rules import Rules
from tests.unit.registry_files import copy_files


@pytest.fixture(scope="session")
def rules() -> Rules:
    """The shipped rules."""
    return load_rules()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the registry's files."""
    return copy_files(tmp_path)
