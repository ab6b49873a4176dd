"""Drills run with --drills; without it, only those that `make test-all` has time for."""

import itertools
import uuid
from collections.abc import Iterator

import pytest

from tests.drills.harness.drill import Result

_numbers = itertools.count(1)
_results: list[Result] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long drills out unless they are asked for."""
    here = [item for item in items if item.nodeid.startswith("tests/drills/")]
    for item in here:
        item.add_marker(pytest.mark.kafka)
    long = {item for item in here if item.get_closest_marker("drill")}
    if long and not config.getoption("--drills"):
        config.hook.pytest_deselected(items=list(long))
        items[:] = [item for item in items if item not in long]


@pytest.fixture
def prefix() -> str:
    """A prefix that no other test has used on the broker."""
    return f"d{uuid.uuid4().hex[:8]}-{next(_numbers)}."


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> float:
    """By how much the times of the rules are divided: in `make test-all` so that two minutes become six
    seconds, longer than a rebalance on a busy machine.
    """
    shortest = 10.0 if request.config.getoption("--drills") else 20.0
    return float(request.config.getoption("--scale") or shortest)


@pytest.fixture
def results() -> list[Result]:
    """Where a drill puts what it measured, for the table at the end."""
    return _results


@pytest.fixture(scope="session", autouse=True)
def table(request: pytest.FixtureRequest, quick_brokers: None) -> Iterator[None]:
    """Print what the drills measured."""
    yield
    if not _results:
        return
    lines = [
        "| drill | alert | severity | times divided by | fired after | other pages | cleared after |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(
            f"| {result.drill} | `{result.alert}` | {result.severity} | {result.scale:g} | "
            f"{result.fired:.0f} s | {', '.join(result.other_pages) or 'none'} | {result.cleared:.0f} s |"
            for result in _results
        ),
    ]
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n" + "\n".join(lines))
