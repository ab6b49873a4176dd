"""What a view of the desk shows, in which order, and what its statements are given for a person."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from streams.desk.console.casework.permissions import (
    Person,
    may_act,
    may_act_on_request,
    may_set_refusal_aside,
)
from streams.desk.console.read_model.paging import ListFilter, conditions, position_in

Listed = Literal["waiting", "snoozed", "decided", "resolved", "all"]
Grouping = Literal["clock", "channel", "category"]

_ORDER = ("order_first", "order_due", "order_level", "order_severity", "order_priority", "case_id")
ORDERS: Final[Mapping[Grouping, Sequence[str]]] = {
    "clock": _ORDER,
    "channel": ("channel_ref", *_ORDER),
    "category": ("category_group", *_ORDER),
}
"""The columns by which rows are in order. `order_first` is whether life or a child may be at stake."""


@dataclass(frozen=True)
class DeskFilter(ListFilter):
    """What a view of the desk shows. `level` is the lowest one shown; `assignee` may be `nobody`.

    `at_stake` shows the categories that are about the safety of children, or about somebody's life.
    `to_sign` shows what waits for the signature of whoever looks at it, whatever else became of the case.
    """

    listed: Listed = "waiting"
    category: str | None = None
    group: str | None = None
    at_stake: Literal["children", "life"] | None = None
    policy: str | None = None
    channel: str | None = None
    country: str | None = None
    assignee: str | None = None
    level: int | None = None
    clock: Literal["running", "overdue", "none"] | None = None
    integrity: Literal["suspected"] | None = None
    escalated: Literal["yes"] | None = None
    to_sign: Literal["yes"] | None = None
    by: Grouping = "clock"

    def shows_requests(self, person: Person) -> bool:
        """Whether requests of authorities stand among the cases of the view.

        They do for who may answer them, unless the view asks for something that no request has.
        """
        only_of_cases = (self.group, self.policy, self.channel, self.level, self.integrity, self.escalated)
        return (
            may_act_on_request(person, "decided", None)
            and self.listed == "waiting"
            and self.by == "clock"
            and self.clock != "none"
            and all(each is None for each in only_of_cases)
        )


PARAMETERS: Final = frozenset(vars(DeskFilter()))
"""The names of what an address may say of a view."""


def conditions_for(shown: DeskFilter, person: Person, now_ms: int) -> tuple[set[str], dict[str, Any]]:
    """What `sql_if` is given for a view of the desk and for who looks at it, and the values to bind."""
    # A decision that is to be taken back waits for a signature although its case waits for nobody.
    given, values = conditions(replace(shown, listed="all") if shown.to_sign else shown, person.categories)
    if shown.assignee not in (None, "nobody"):
        # A statement for a named person can use the index of who works on what.
        given.add("held")
    values |= {
        "now": now_ms,
        "person": person.ref,
        "may_sign": any(may_act(person, "proposal_signed", each) for each in person.categories),
        "may_set_aside": may_set_refusal_aside(person),
    }
    return given, values


def position_of(row: sqlite3.Row, shown: DeskFilter) -> str:
    """Where a row is in the order of a view, as `after` of `desk_page` takes it. It is a JSON array."""
    return position_in(row, ORDERS[shown.by])
