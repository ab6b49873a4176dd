"""A real Kafka for the session, and deployments of Tocsin on it."""

import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.commands.main import commands
from streams.local_kafka import LocalKafka, java
from tests.kafka.harness import quick_java
from tests.kafka.harness.deployment import Deployment

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the broker."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session", autouse=True)
def quick_brokers() -> Iterator[None]:
    """Every broker that a test starts in this process reads its classes from a cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(java, "command", quick_java.command)
        yield


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running broker: TOCSIN_KAFKA_BOOTSTRAP if set, else one of this session's own."""
    existing = os.environ.get("TOCSIN_KAFKA_BOOTSTRAP")
    if existing:
        yield existing
        return
    quick_java.make_cache()
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker.bootstrap


@pytest.fixture
def prefix() -> str:
    """A prefix that no other test, worker process or earlier session has used on the broker."""
    return f"t{uuid.uuid4().hex[:8]}-{next(_numbers)}."


@pytest.fixture
def deploy(kafka: str, prefix: str, tmp_path: Path) -> Iterator[Callable[..., Deployment]]:
    """Makes deployments; their workers are killed at the end, and what they logged last is printed for a failure."""
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
