"""What a person may go to by name on the desk: what everybody has, their own views, and queues."""

from sqlite3 import Connection
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from streams.desk.console.casework.permissions import Person
from streams.desk.console.read_model.desk.filter import DeskFilter
from streams.desk.console.read_model.finding.desk_views import SavedView, built_in_views, own_views, queues
from streams.desk.console.web.words import in_words
from streams.desk.text.category_words import category_title
from streams.desk.text.reason_choice import area_title

_LABELS: Final = {
    "listed": "shows",
    "group": "area",
    "assignee": "worked on by",
    "level": "level from",
    "integrity": "coordination",
    "by": "grouped by",
}

# Names that others gave.
_AS_THEY_ARE: Final = frozenset(("policy", "channel", "assignee"))


class NamedView(NamedTuple):
    """A view that has a name. `saved` is null for one that everybody has.

    `shown` is null if this version of the console does not know its filter.
    """

    name: str
    shown: DeskFilter | None
    saved: SavedView | None = None

    @property
    def label(self) -> str:
        """The name as a heading or a list has it."""
        return self.name.capitalize() if self.saved is None else self.name

    @property
    def address(self) -> str:
        """The desk with the filter of the view, as it is now."""
        return f"/desk?{urlencode(self.shown.parameters())}" if self.shown else "/views"

    @property
    def lasting_address(self) -> str:
        """The address that leads to the view of this name, whatever its filter will be."""
        if self.saved is not None and self.saved.view.kind == "queue":
            return f"/queues/{quote(self.name, safe='')}"
        return f"/views/{quote(self.name.replace(' ', '-') if self.saved is None else self.name, safe='')}"

    @property
    def change(self) -> str:
        """The parameters of the page that saves it anew."""
        assert self.saved is not None
        view = self.saved.view
        target = {} if view.target is None else {"hours": view.target.hours, "percent": view.target.percent}
        return urlencode({**view.filter, "name": view.name, "kind": view.kind, **target})

    @property
    def says(self) -> str:
        """Its filter in words."""
        if self.shown is None:
            return "a filter that this version of the console does not know"
        return filter_words(self.shown)


def filter_words(shown: DeskFilter) -> str:
    """A filter in words, such as `category Fraud, level from 2`."""
    said = [
        f"{_LABELS.get(name) or in_words(name)} {_value_in_words(name, value)}".strip()
        for name, value in shown.parameters().items()
    ]
    return ", ".join(said) or "everything that waits"


def _value_in_words(name: str, value: str) -> str:
    if name in _AS_THEY_ARE:
        return value
    titles = {"group": area_title, "category": category_title}
    return "" if value == "yes" else titles.get(name, in_words)(value)


def named_views(reader: Connection, person: Person) -> list[NamedView]:
    """What a person may go to by name: what everybody has, their own views, and queues."""
    return [
        *(NamedView(name, shown) for name, shown in built_in_views(reader, person)),
        *(NamedView(each.view.name, each.shown, each) for each in own_views(reader, person.ref)),
        *(NamedView(each.view.name, each.shown, each) for each in queues(reader, person)),
    ]
