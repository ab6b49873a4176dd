"""Deployments of Tocsin on the Kafka of the session."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.commands.main import commands
from tests.kafka.harness.deployment import Deployment

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the broker."""
    for item in items:
        if item.nodeid.startswith("tests/kafka/"):
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session", autouse=True)
def all_brokers_are_quick(quick_brokers: None) -> None:
    """Also those that a test starts itself."""


@pytest.fixture
def prefix() -> str:
    """A prefix that no other test, worker process or earlier session has used on the broker."""
    return f"t{uuid.uuid4().hex[:8]}-{next(_numbers)}."


@pytest.fixture
def deploy(kafka: str, prefix: str, tmp_path: Path) -> Iterator[Callable[..., Deployment]]:
    """Makes deployments; their workers are killed at the end, and what they logged last is printed for a
    failure.
    """
    made: list[Deployment] = []

    def new(*, bootstrap: str = kafka, **options: object) -> Deployment:
        folder = tmp_path / f"deployment-{len(made)}"
        folder.mkdir()
        made.append(Deployment(bootstrap, f"{prefix}{len(made)}.", folder, **options))
        return made[-1]

    yield new
    for deployment in made:
        deployment.end()
        print(deployment.fleet.tails())


@pytest.fixture
def tocsin(deployment: Deployment) -> Callable[..., Result]:
    """Runs a command in this process, with the settings of the module's `deployment`."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(commands, [*map(str, arguments)], env=deployment.settings)

    return run
