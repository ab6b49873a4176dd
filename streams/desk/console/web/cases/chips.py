"""The most used filters of the desk, each applied by one press or key."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from streams.desk.console.casework.permissions import Person
from streams.desk.console.read_model.desk.filter import DeskFilter
from streams.desk.console.read_model.finding.desk_views import views_of_role

_VIEWS: Final = ("overdue", "mine", "to sign", "children", "threats")


class Chip(NamedTuple):
    """A filter that is on or off. `parameters` say the view after a press; `key` presses it."""

    key: int
    label: str
    pressed: bool
    parameters: Mapping[str, str]


def chips(shown: DeskFilter, person: Person) -> Iterator[Chip]:
    """The chips above a view. A key means the same filter for everybody, whoever lacks one of them."""
    views = views_of_role(person)
    filters = {
        **{name.capitalize(): views.get(name) for name in _VIEWS},
        "Nobody on it": DeskFilter(assignee="nobody"),
        "Escalated": DeskFilter(escalated="yes"),
        "Coordinated?": DeskFilter(integrity="suspected"),
    }
    for key, (label, chosen) in enumerate(filters.items(), 1):
        if chosen is None:
            continue
        wanted: dict[str, Any] = chosen.parameters()
        pressed = all(getattr(shown, name) == value for name, value in wanted.items())
        after = replace(shown, **(dict.fromkeys(wanted) if pressed else wanted))
        yield Chip(key, label, pressed, after.parameters())
