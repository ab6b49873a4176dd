"""Fixtures shared by many tests: the shipped rules, a copy of their files that a test may edit, and logging
as it was.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from streams.registry.rules import Rules
from streams.running.operations.logs import QUIET_LOGGERS
from tests.shipped import RULES as SHIPPED_RULES
from tests.unit.registry_files import copy_files


@pytest.fixture(scope="session")
def rules() -> Rules:
    """The shipped rules, loaded once per session."""
    return SHIPPED_RULES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A temporary copy of the registry's files."""
    return copy_files(tmp_path)


@pytest.fixture
def kept_logs() -> Iterator[None]:
    """For a test that runs in this process what configures logging: afterwards it is as before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in QUIET_LOGGERS}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in quiet.items():
        logging.getLogger(name).setLevel(was)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Any]:
    """A console with its read model and without a broker."""
    # Not with the others: most unit tests do without the packages of the console.
    from tests.unit.console_pages import World  # noqa: PLC0415

    with World(tmp_path) as world:
        yield world


@pytest.fixture
def anna(world: Any) -> Any:
    """The browser of a lead."""
    from tests.unit.console_pages import lead  # noqa: PLC0415

    return world.browser(lead("anna"))


@pytest.fixture
def ben(world: Any) -> Any:
    """The browser of a second lead."""
    from tests.unit.console_pages import lead  # noqa: PLC0415

    return world.browser(lead("ben"))
