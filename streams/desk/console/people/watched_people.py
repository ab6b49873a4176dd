"""Reads the people file again when it changes, so that somebody who left loses access without a restart."""

from collections.abc import Mapping
from pathlib import Path
from time import monotonic

import structlog

from streams.desk.console.people.people_file import People, load_people
from streams.registry.category import CategoryRules
from streams.registry.reading.errors import RegistryError

logger = structlog.get_logger(__name__)

# A look at the file's time of change costs microseconds. Every few seconds is soon enough for somebody who
# left.
_LOOK_SECONDS = 5.0

_Stamp = tuple[int, int, int]


class WatchedPeople:
    """The people of a file as it is now, or as it last was if it became invalid.

    Raises RegistryError as `load_people` does.
    """

    def __init__(self, path: Path, categories: Mapping[str, CategoryRules]) -> None:
        self._path = path
        self._categories = categories
        self._people = load_people(path, categories)
        self._stamp = _stamp(path)
        self._looked = monotonic()

    def now(self) -> People:
        """The people who may use the console."""
        if monotonic() - self._looked >= _LOOK_SECONDS:
            self._looked = monotonic()
            self._look()
        return self._people

    def use(self, categories: Mapping[str, CategoryRules]) -> None:
        """Read the file as one that may name these categories, from now on."""
        self._categories = categories
        self._stamp = None
        self._look()

    def _look(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._people = load_people(self._path, self._categories)
        except RegistryError as error:
            # The people as they were are less wrong than nobody at all.
            logger.warning("the people file is not valid; the people of before stay", why=str(error))
        else:
            logger.info("the people file was read again", people=len(self._people.all()))


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
