"""Finds cases, channels and requests by how their ids begin."""

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

from streams.desk.console.casework.permissions import Person
from streams.desk.console.read_model.paging import as_json
from streams.desk.console.read_model.statements import SQL

# Of each kind. Who reads an id from a screen needs one; more say that the beginning is too short.
_MOST: Final = 5

# The character after all of those in ids.
_AFTER: Final = "\x7f"

_Kind = Literal["case", "channel", "request"]

_STATEMENTS: Final[Mapping[_Kind, str]] = {
    "case": SQL["cases_beginning"],
    "channel": SQL["channels_beginning"],
    "request": SQL["requests_beginning"],
}


class FoundId(NamedTuple):
    """An id, of what, and what a case or a request is about; of a channel nothing."""

    kind: _Kind
    id: str
    says: str


def ids_beginning(reader: sqlite3.Connection, person: Person, beginning: str) -> Iterator[FoundId]:
    """The ids that begin so, a few of each kind, of what a person may see.

    A channel is found if they see a case of it.
    """
    bound = {
        "first": beginning,
        "end": beginning + _AFTER,
        "categories": as_json(person.categories),
        "most": _MOST,
    }
    for kind, statement in _STATEMENTS.items():
        for name, says in reader.execute(statement, bound):
            yield FoundId(kind, name, says)
