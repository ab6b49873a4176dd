"""Views of the desk by name: those that everybody has, those that a person saved, and queues of leads."""

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from streams.contract.events.desk_view import DeskView, ViewKind
from streams.contract.wire.forms.desk_view import decode_desk_view
from streams.contract.wire.records import SourceRecord
from streams.desk.console.casework.permissions import Person
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.desk.filter import PARAMETERS, DeskFilter
from streams.desk.console.read_model.paging import BadFilter
from streams.desk.console.read_model.statements import SQL

MOST_VIEWS: Final[Mapping[ViewKind, int]] = {"own": 20, "queue": 20}
"""How many views a person may have, and how many queues there may be: as many as one reads in a list."""

_VIEW = msgspec.json.Decoder(DeskView)


class SavedView(NamedTuple):
    """A view that somebody saved. `offset` is where in the log: which of two of one name it is.

    `shown` is null if a console of another version saved it, with a filter that this one does not know.
    """

    key: str
    offset: int
    view: DeskView
    shown: DeskFilter | None


def apply_desk_view(writer: sqlite3.Connection, record: SourceRecord, _changes: Changes) -> None:
    """Keep a view, or forget it. Raises ValueError if the record holds something else."""
    key = (record.key or b"").decode()
    if record.value is not None:
        decode_desk_view(record.key, record.value)
    elif not key.startswith(("queue/", "own/")):
        raise ValueError("This key is of no view.")
    writer.execute(SQL["put_desk_view"], (key, record.offset, record.timestamp, record.value))


def views_of_role(person: Person) -> Mapping[str, DeskFilter]:
    """The views that everybody has, by name, but for what the role of a person leaves empty for ever."""
    views = {
        "overdue": DeskFilter(clock="overdue"),
        "to sign": DeskFilter(to_sign="yes"),
        "mine": DeskFilter(assignee=person.ref),
        "children": DeskFilter(at_stake="children"),
        "threats": DeskFilter(at_stake="life"),
    }
    if person.role == "read_only":
        # Who may only read has nothing to sign, and works on nothing.
        del views["to sign"], views["mine"]
    return views


def built_in_views(reader: sqlite3.Connection, person: Person) -> Iterator[tuple[str, DeskFilter]]:
    """The views that everybody has, by name, without those that are always empty for a person."""
    at_stake = _at_stake(reader, person)
    return ((name, shown) for name, shown in views_of_role(person).items() if at_stake[shown.at_stake])


def own_views(reader: sqlite3.Connection, ref: str) -> list[SavedView]:
    """The views that a person saved, by name."""
    return _saved(reader, f"own/{ref}")


def all_queues(reader: sqlite3.Connection) -> list[SavedView]:
    """The queues of all leads, by name: also those of which a person may not know."""
    return _saved(reader, "queue")


def queues(reader: sqlite3.Connection, person: Person) -> list[SavedView]:
    """The queues of all leads, by name, without those of categories that a person does not see."""
    at_stake = _at_stake(reader, person)
    return [
        each
        for each in all_queues(reader)
        if each.shown is None or (person.sees(each.shown.category) and at_stake[each.shown.at_stake])
    ]


def why_no_queue(shown: DeskFilter, *, has_target: bool) -> str | None:
    """Why a filter is none of a queue for all, in words; None if it is one.

    What one person works on or has to sign is no queue: it would show others how this person works, and a
    target would measure it. A target also needs a filter that a case fits for good, or it would depend on the
    moment at which somebody counts.
    """
    if shown.listed != "waiting" or shown.to_sign or shown.assignee not in (None, "nobody"):
        return (
            "A queue has what waits, whoever works on it: it cannot ask for a person, for what is to sign, "
            "or for anything but waiting cases."
        )
    changing = sorted(shown.parameters().keys() - _LASTING)
    if has_target and changing:
        given = ", ".join(changing)
        return f"A target needs a filter that a case fits for good: leave out {given}, or the target."
    return None


# How rows are grouped does not change which there are. Level and country do change, though rarely: what
# counts is what they are when somebody looks.
_LASTING: Final = frozenset(("category", "group", "at_stake", "policy", "channel", "country", "level", "by"))


def _saved(reader: sqlite3.Connection, begin: str) -> list[SavedView]:
    found = []
    for key, offset, event in reader.execute(SQL["desk_views"], {"begin": begin}).fetchall():
        view = _VIEW.decode(event)
        found.append(SavedView(key, offset, view, _filter_of(view)))
    return found


def _filter_of(view: DeskView) -> DeskFilter | None:
    if not view.filter.keys() <= PARAMETERS:
        return None
    try:
        return DeskFilter.of(view.filter)
    except BadFilter:
        return None


def _at_stake(reader: sqlite3.Connection, person: Person) -> Mapping[str | None, bool]:
    """Whether a person sees a category of which this is at stake: children's safety, somebody's life, any."""
    rows = [row for row in reader.execute(SQL["categories_at_stake"]) if person.sees(row[0])]
    return {None: True, "children": any(row[1] for row in rows), "life": any(row[2] for row in rows)}
