"""Fixtures shared by many tests: the shipped rules, and a copy of their files that a test may edit."""

from pathlib import Path

import pytest

from streams.registry.loader import load_rules
from streams.registry.rules import Rules
from tests.unit.registry_files import copy_files


@pytest.fixture(scope="session")
def rules() -> Rules:
    """The shipped rules, loaded once per session."""
    return load_rules()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A temporary copy of the registry's files."""
    return copy_files(tmp_path)
