"""Lists of the console, a page at a time, and the filters in their addresses."""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Self, get_args, get_origin, get_type_hints

import orjson

from streams.contract.events.report import Category
from streams.desk.console.read_model.statements import sql_if

PAGE_ROWS: Final = 100
"""Rows of a page. A screen shows some 30; a page of 100 takes 20 ms to write."""


class BadFilter(ValueError):
    """A filter in an address has an invalid value; the message names it and says what would be valid."""


@dataclass(frozen=True)
class ListFilter:
    """What a list shows. A field that is None filters nothing; one of a Literal has one of its values."""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """The filter that the parameters of an address say; an empty one says nothing. Raises BadFilter."""
        values: dict[str, Any] = {}
        for name, kind in get_type_hints(cls).items():
            value = given.get(name)
            if not value:
                continue
            kinds = (kind, *get_args(kind))
            valid = [each for part in kinds if get_origin(part) is Literal for each in get_args(part)]
            if valid and value not in valid:
                raise BadFilter(f"{name} must be one of {', '.join(valid)}")
            if int in kinds and not (value.isdecimal() and len(value) < 3):
                raise BadFilter(f"{name} must be a number from 0 to 99")
            values[name] = int(value) if int in kinds else value
        return cls(**values)

    def parameters(self) -> dict[str, str]:
        """The parameters of an address that say this filter, without those that filter nothing."""
        usual = vars(type(self)())
        return {name: str(value) for name, value in vars(self).items() if value != usual[name]}


class Page(NamedTuple):
    """Rows in order, and where the next page begins; None if there are no more."""

    rows: Sequence[sqlite3.Row]
    after: str | None


def page_of(
    reader: sqlite3.Connection,
    name: str,
    shown: ListFilter,
    order: Sequence[str],
    after: str | None,
    categories: frozenset[Category] | None = None,
    **values: Any,
) -> Page:
    """A page of the list with the statement of this name.

    It has what matches the filter and a person with these categories may see; None is for lists that
    everybody sees. The columns of `order`, which is that of the statement, tell rows apart. Raises BadFilter
    if `after` is not what an earlier page said.
    """
    given, bound = conditions(shown, categories)
    return page_where(reader, name, given, {**bound, **values}, order, after)


def page_where(
    reader: sqlite3.Connection,
    name: str,
    given: Collection[str],
    values: Mapping[str, Any],
    order: Sequence[str],
    after: str | None,
) -> Page:
    """A page of the list with the statement of this name, for what `sql_if` is given and these values.

    Raises BadFilter as `page_of` does.
    """
    given, bound = {*given, "limit"}, dict(values)
    if after is not None:
        given.add("after")
        bound |= {f"after_{number}": part for number, part in enumerate(_position(after, len(order)))}
    rows = reader.execute(sql_if(name, given), {**bound, "limit": PAGE_ROWS + 1}).fetchall()
    if len(rows) <= PAGE_ROWS:
        return Page(rows, None)
    return Page(rows[:PAGE_ROWS], position_in(rows[PAGE_ROWS - 1], order))


def position_in(row: sqlite3.Row, order: Sequence[str]) -> str:
    """Where a row is in an order, as `after` of `page_of` takes it. It is a JSON array."""
    return orjson.dumps([row[name] for name in order]).decode()


def conditions(shown: ListFilter, categories: frozenset[Category] | None) -> tuple[set[str], dict[str, Any]]:
    """What `sql_if` is given for a filter and for what a person may see, and the values to bind."""
    values = {name: value for name, value in vars(shown).items() if value is not None}
    given = {*values, *(f"{name}={value}" for name, value in values.items())}
    if categories is not None:
        given.add("restricted")
        values["categories"] = as_json(categories)
    return given, values


def as_json(values: Iterable[str]) -> str:
    """Values for a statement that takes any number of them."""
    return orjson.dumps(list(values)).decode()


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
