"""Lists of the console, a page at a time, and the filters in their addresses."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from streams.events.report import Category

PAGE_ROWS: Final = 100
"""Rows of a page. A screen shows some 30; a page of 100 takes 20 ms to write."""


class BadFilter(ValueError):
    """A filter in an address has a value that it cannot have; the message names it and says what would be valid."""


class Page(NamedTuple):
    """Rows in order, and where the next page begins; None if there are no more."""

    rows: Sequence[sqlite3.Row]
    after: str | None


def page_of(
    reader: sqlite3.Connection,
    select: str,
    where: Sequence[str],
    values: Sequence[str | int],
    order: Sequence[str],
    after: str | None,
) -> Page:
    """A page of a list. The columns of `order` tell rows apart. Raises BadFilter if `after` is not what an earlier page said."""
    conditions, bound = list(where), list(values)
    if after is not None:
        marks = ", ".join("?" * len(order))
        conditions.append(f"({', '.join(order)}) > ({marks})")
        bound += _position(after, len(order))
    rows = reader.execute(
        f"{select} WHERE {' AND '.join(conditions)} ORDER BY {', '.join(order)} LIMIT ?",
        (*bound, PAGE_ROWS + 1),
    ).fetchall()
    if len(rows) <= PAGE_ROWS:
        return Page(rows, None)
    return Page(rows[:PAGE_ROWS], position_in(rows[PAGE_ROWS - 1], order))


def position_in(row: sqlite3.Row, order: Sequence[str]) -> str:
    """Where a row is in an order, as `after` of `page_of` takes it. It is a JSON array."""
    return orjson.dumps([row[name.rpartition(".")[2]] for name in order]).decode()


def restrict(
    where: list[str], values: list[str | int], categories: frozenset[Category], column: str = "category"
) -> None:
    """Add the condition that a person may see the category; rows without one are for everybody."""
    where.append(f"({column} IS NULL OR {column} IN ({', '.join('?' * len(categories))}))")
    values += sorted(categories)


def equal(where: list[str], values: list[str | int], columns: Mapping[str, str | None]) -> None:
    """Add the condition that each column has the value of a filter; None filters nothing."""
    for column, value in columns.items():
        if value is not None:
            where.append(f"{column} = ?")
            values.append(value)


def given_in(shown: Any, given: Mapping[str, str]) -> dict[str, str]:
    """What the parameters of an address say for the fields of a class of filters; an empty one says nothing."""
    return {name: given[name] for name in shown.__slots__ if given.get(name)}


def require(given: Mapping[str, str], name: str, valid: Sequence[str]) -> None:
    """Raise BadFilter if a filter is given and has none of the valid values."""
    if name in given and given[name] not in valid:
        raise BadFilter(f"{name} must be one of {', '.join(valid)}")


def parameters_of(shown: Any, default: Any) -> dict[str, str]:
    """The parameters of an address that say a filter, without those that filter nothing."""
    return {
        name: str(value)
        for name in shown.__slots__
        if (value := getattr(shown, name)) != getattr(default, name)
    }


def _position(after: str, length: int) -> list[str | int]:
    try:
        position = orjson.loads(after)
    except orjson.JSONDecodeError:
        position = None
    if (
        not isinstance(position, list)
        or len(position) != length
        or not all(
            isinstance(part, str) or (isinstance(part, int) and abs(part) < 1 << 63) for part in position
        )
    ):
        raise BadFilter("after must be what the page before said")
    return position
