"""The file of the read model: SQLite, one writer, any number of readers."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from threading import local
from zlib import crc32

from streams.contract.events.report import Category
from streams.desk.console.read_model.desk.category_order import category_rows
from streams.desk.console.read_model.statements import SQL
from streams.registry.category import CategoryRules

_SCHEMA = (files(__package__) / "sql" / "schema.sql").read_text(encoding="utf-8")

# SQLite keeps a number of the application's own in the file. A hash of the schema: a file of another one is
# made again, as everything in it can be read again.
_VERSION = int.from_bytes(sha256(_SCHEMA.encode()).digest()[:4], "big") & 0x7FFFFFFF

# A reader never waits for the writer in this mode; a checkpoint may make one wait for milliseconds.
_BUSY_SECONDS = 5.0

_OWNER_ONLY = 0o600


class Database:
    """The read model's file. Each thread that reads has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = local()

    def open_writer(self) -> sqlite3.Connection:
        """The connection that writes; the caller closes it, and calls `fit_to` before it writes.

        Nobody but the file's owner may read it, whatever was allowed before. Raises sqlite3.Error if the file
        cannot be opened or kept from others, or is no database.
        """
        _make_private(self._path)
        writer = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        writer.execute("PRAGMA journal_mode = WAL")
        # A power cut may take the last transactions with it: they are read again.
        writer.execute("PRAGMA synchronous = NORMAL")
        return writer

    def reader(self) -> sqlite3.Connection:
        """This thread's connection for reading."""
        connection: sqlite3.Connection | None = getattr(self._threads, "reader", None)
        if connection is None:
            connection = sqlite3.connect(
                f"file:{self._path}?mode=ro", uri=True, timeout=_BUSY_SECONDS, isolation_level=None
            )
            connection.row_factory = sqlite3.Row
            self._threads.reader = connection
        return connection


def fit_to(writer: sqlite3.Connection, categories: Mapping[Category, CategoryRules]) -> bool:
    """Empty the file if it is of another version, or was made with other categories; return if it was not.

    Cases of categories that it did not have were skipped, and the order of the desk follows their severities.
    """
    (version,) = writer.execute("PRAGMA user_version").fetchone()
    rows = list(category_rows(categories))
    wanted = _VERSION ^ crc32(repr(rows).encode()) & 0x7FFFFFFF
    if version != wanted:
        _make_anew(writer, wanted, rows)
    return bool(version == wanted)


@contextmanager
def transaction(writer: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes, or nothing of it."""
    writer.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        writer.execute("ROLLBACK")
        raise
    writer.execute("COMMIT")


def _make_private(path: Path) -> None:
    """Make the file if it is missing, readable by its owner only: it says who decided what."""
    # SQLite puts the files beside the one to which a link leads, and gives them the permissions of that one.
    path = path.resolve()
    try:
        path.touch(_OWNER_ONLY)
        # A console that was killed leaves the two others. A folder, or a device, is not for us to change.
        for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            if each.is_file():
                each.chmod(_OWNER_ONLY)
    except OSError as error:
        raise sqlite3.OperationalError(
            f"{path}: cannot be made, or kept from other users of this machine ({error.strerror}). It must "
            "be a file of the user who runs the console, or a new one in a folder that exists."
        ) from error


def _make_anew(
    writer: sqlite3.Connection, version: int, categories: Sequence[tuple[Category, int, int, bool, bool]]
) -> None:
    with transaction(writer):
        tables = writer.execute(SQL["tables"]).fetchall()
        for (name,) in tables:
            writer.execute(f'DROP TABLE "{name}"')
        for statement in _SCHEMA.split(";\n"):
            writer.execute(statement)
        writer.executemany(SQL["put_category_order"], categories)
        writer.execute(f"PRAGMA user_version = {version}")
