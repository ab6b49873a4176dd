"""How much waits for a person: the numbers in the navigation of every page."""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

from streams.desk.console.casework.permissions import Person, may_act_on_request
from streams.desk.console.read_model.desk_filter import DeskFilter
from streams.desk.console.read_model.desk_query import requests_due, total


class WorkCount(NamedTuple):
    """How much of one kind waits, and the address of the page that lists it."""

    name: str
    address: str
    waits: int


def work_counts(reader: sqlite3.Connection, person: Person, now_ms: int) -> Iterator[WorkCount]:
    """What is overdue, to sign, theirs, and of requests due, as far as the person may see it.

    Who may not act has nothing to sign and works on nothing; who may not answer requests has none that are
    due. These are left out, as a number that is always zero says nothing.
    """
    views = {"overdue": DeskFilter(clock="overdue")}
    if person.role != "read_only":
        views |= {"to sign": DeskFilter(to_sign="yes"), "mine": DeskFilter(assignee=person.ref)}
    for name, shown in views.items():
        address = f"/desk?{urlencode(shown.parameters())}"
        yield WorkCount(name, address, total(reader, shown, person, now_ms))
    if may_act_on_request(person, "decided", None):
        yield WorkCount("requests due", "/requests", requests_due(reader, person, now_ms))
