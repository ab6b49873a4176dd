"""The most used filters of the desk, each applied by one press or key."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from streams.desk.console.casework.permissions import Person
from streams.desk.console.read_model.desk_filter import DeskFilter


class Chip(NamedTuple):
    """A filter that is on or off. `parameters` say the view after a press; `key` presses it."""

    key: int
    label: str
    pressed: bool
    parameters: Mapping[str, str]


def chips(shown: DeskFilter, person: Person) -> Iterator[Chip]:
    """The chips above a view. A key means the same filter for everybody, whoever lacks one of them."""
    fields: list[tuple[str, dict[str, Any]]] = [
        ("Overdue", {"clock": "overdue"}),
        ("Mine", {"assignee": person.ref}),
        ("To sign", {"to_sign": "yes"}),
        ("Children", {"at_stake": "children"}),
        ("Threats", {"at_stake": "life"}),
        ("Nobody on it", {"assignee": "nobody"}),
        ("Escalated", {"escalated": "yes"}),
        ("Coordinated?", {"integrity": "suspected"}),
    ]
    for key, (label, wanted) in enumerate(fields, 1):
        if person.role == "read_only" and label in ("Mine", "To sign"):
            continue
        pressed = all(getattr(shown, name) == value for name, value in wanted.items())
        after = replace(shown, **(dict.fromkeys(wanted) if pressed else wanted))
        yield Chip(key, label, pressed, after.parameters())
