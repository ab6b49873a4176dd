"""The jars of the broker: fetched once into the user's cache folder, verified on every start.

`jars.sha256` names every jar by its path in the Maven layout, which is also its path in the cache folder. The
jars can thus be fetched without resolving dependencies, and `sha256sum -c` can read the list. `update_jars`
writes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tocsin_demo.local_kafka import maven
from tocsin_demo.local_kafka.errors import LocalKafkaError

Fetched = Callable[[int, int], None]

KAFKA_VERSION = "4.3.1"

JAR_LIST = Path(__file__).with_name("jars.sha256")


def cache_folder() -> Path:
    """Return the folder of the jars: `tocsin/kafka-<version>` in $XDG_CACHE_HOME, by default ~/.cache."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "tocsin" / f"kafka-{KAFKA_VERSION}"


def broker_jars(fetched: Fetched = lambda _number, _of: None) -> list[Path]:
    """Return the broker's jars, verified, in class-path order; fetch them first if the cache has none.

    `fetched` is called with how many of how many were fetched, from 0 on.

    Raises LocalKafkaError when a jar is missing, differs from the committed list, or cannot be fetched.
    """
    return listed_jars(cache_folder(), read_list(), fetched)


def listed_jars(
    folder: Path, hashes: dict[str, str], fetched: Fetched = lambda _number, _of: None
) -> list[Path]:
    """Return the jars with these hashes in `folder`, verified; fetch them first if there is no such folder.

    `fetched` is as for `broker_jars`.

    Raises LocalKafkaError when a jar is missing, differs from its hash, or cannot be fetched.
    """
    if not folder.exists():
        with _locked(folder):
            # Another process may have fetched them while this one waited.
            if not folder.exists():
                _fetch(folder, hashes, fetched)
    return verify(folder, hashes)


def read_list(jar_list: Path = JAR_LIST) -> dict[str, str]:
    """Return the SHA-256 of each jar in the committed list, by path."""
    lines = jar_list.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def verify(folder: Path, hashes: dict[str, str] | None = None) -> list[Path]:
    """Return the sorted paths of all listed jars in `folder`, after checking every hash (45 MB, some 40 ms).

    Raises LocalKafkaError naming the first jar that is missing or differs, and the remedy.
    """
    remedy = f"delete the folder {folder} and start again to fetch the jars"
    paths = []
    for name, expected in sorted((read_list() if hashes is None else hashes).items()):
        path = folder / name
        if not path.is_file():
            raise LocalKafkaError(f"the jar {name} is missing; {remedy}")
        if sha256_of(path) != expected:
            raise LocalKafkaError(f"the jar {name} does not match its hash in {JAR_LIST.name}; {remedy}")
        paths.append(path)
    return paths


def _fetch(folder: Path, hashes: dict[str, str], fetched: Fetched) -> None:
    # The folder gets its name only when it is complete and verified, so a later start never trusts the
    # remains of a killed download.
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        numbers = count()
        fetched(next(numbers), len(hashes))
        maven.download(hashes, partial, lambda: fetched(next(numbers), len(hashes)))
        verify(partial, hashes)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    # The kernel releases the lock when its holder dies, so a killed download does not block others.
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalKafkaError(
            f"{folder.parent} cannot be created ({error.strerror}): set XDG_CACHE_HOME to a writable folder"
        ) from error
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
