"""Fetches jars from the public Maven repository through jgo, which is imported only when needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tocsin_demo.local_kafka.errors import LocalKafkaError

if TYPE_CHECKING:
    from jgo.maven import MavenContext

# Enough to hide the round trips of many small files, few enough not to burden the repository.
_PARALLEL_DOWNLOADS = 6

# One dropped connection among ninety requests should not cost the whole download.
_ATTEMPTS = 3


def download(names: Iterable[str], folder: Path, fetched: Callable[[], None] = lambda: None) -> None:
    """Fetch the named jars into `folder`, without verifying their content; call `fetched` after each.

    A name is a path in the Maven layout, `group/artifact/version/file.jar`; the jar gets the same path in
    `folder`. Raises LocalKafkaError when jgo is not installed or a jar cannot be fetched.
    """
    context = _context(folder)
    with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
        for _ in pool.map(lambda name: _download_one(context, folder, name), names):
            fetched()


def resolve(coordinates: Iterable[str], folder: Path) -> list[Path]:
    """Fetch artifacts and their runtime dependencies into `folder`, and return the paths of the jars.

    The version in `coordinates` takes precedence over another version that a dependency requires.
    Raises LocalKafkaError when jgo is not installed.
    """
    context = _context(folder)
    inputs, transitive = context.resolver.resolve([context.create_dependency(each) for each in coordinates])
    return [each.artifact.resolve() for each in (*inputs, *transitive)]


def _context(folder: Path) -> MavenContext:
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise LocalKafkaError.missing_package("jgo") from error
    return MavenContext(repo_cache=folder)


def _download_one(context: MavenContext, folder: Path, name: str) -> None:
    *group, artifact, version, _file = PurePosixPath(name).parts
    wanted = context.project(".".join(group), artifact).at_version(version).artifact()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            wanted.resolve()
        # jgo documents no errors of its own; those of its HTTP library pass through.
        except Exception as error:
            # jgo takes an existing file for a complete one, so remove what an interrupted download left.
            folder.joinpath(name).unlink(missing_ok=True)
            if attempt == _ATTEMPTS:
                raise LocalKafkaError(
                    f"could not fetch {name}: {error}. The first start fetches the broker's jars and needs "
                    "the network; without it, set TOCSIN_KAFKA_BOOTSTRAP to a broker that is already running"
                ) from error
        else:
            return
