"""Fetch jars from the public Maven repository through jgo, imported only when something is to be fetched."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from streams.local_kafka.errors import LocalKafkaError

if TYPE_CHECKING:
    from jgo.maven import MavenContext

# Enough to hide the round trips of many small files, few enough to be a polite client.
_PARALLEL_DOWNLOADS = 6

# One dropped connection among ninety requests should not cost the whole download.
_ATTEMPTS = 3


def download(names: Iterable[str], folder: Path) -> None:
    """Fetch the named jars into folder.

    A name is a path in the Maven layout, `group/artifact/version/file.jar`, and the place in folder is the
    same. Raises LocalKafkaError when jgo is not installed or a jar cannot be fetched. The content is not
    judged here.
    """
    context = _context(folder)
    with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
        for _ in pool.map(lambda name: _download_one(context, folder, name), names):
            pass


def resolve(coordinates: Iterable[str], folder: Path) -> list[Path]:
    """Fetch the given artifacts and all they need at run time into folder, and return the paths of the jars.

    An artifact that is given wins over another version of it that a dependency asks for.
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
        # jgo documents no errors of its own: what its HTTP library raises comes through as it is.
        except Exception as error:
            # jgo takes a file that is there for a whole one, so a broken-off download must not stay.
            folder.joinpath(name).unlink(missing_ok=True)
            if attempt == _ATTEMPTS:
                raise LocalKafkaError(
                    f"could not fetch {name}: {error}. The jars of the broker are fetched once and need the "
                    "network then; without it, set TOCSIN_KAFKA_BOOTSTRAP to a broker that is already running"
                ) from error
        else:
            return
