"""Lists authorities' requests, and reads everything that is known about one."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

import msgspec

from streams.contract.events.authority_request import RequestKind
from streams.contract.events.authority_routing import AuthorityRouting, RoutingDecision
from streams.contract.events.report import Category
from streams.contract.events.routing import Gate
from streams.desk.console.casework.work import CaseKey, RequestWork
from streams.desk.console.read_model.acts import work_on_request
from streams.desk.console.read_model.case_query import HangingClock, KnownAct, acts_on, hanging_clocks
from streams.desk.console.read_model.paging import ListFilter, Page, page_of
from streams.desk.console.read_model.statements import SQL

RequestsListed = Literal["waiting", "answered", "all"]

_STEP = msgspec.json.Decoder(AuthorityRouting)


@dataclass(frozen=True)
class RequestFilter(ListFilter):
    """Which requests a view shows. None filters nothing; `country` is that of the authority."""

    listed: RequestsListed = "waiting"
    country: str | None = None
    decision: RoutingDecision | None = None
    gate: Gate | None = None
    kind: RequestKind | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """The filter that an address says, a country also in small letters. Raises BadFilter."""
        return super().of({**given, "country": given.get("country", "").upper()})


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """A request: how it was judged, the later steps of its clocks, the work on it, and its clocks."""

    row: sqlite3.Row
    first: AuthorityRouting
    work: RequestWork
    acts: tuple[KnownAct, ...]
    clocks: tuple[HangingClock, ...]

    @property
    def category(self) -> Category | None:
        """The category by which people see the request; None if everybody does."""
        return self.first.category

    @property
    def lawyer_today(self) -> tuple[str, ...]:
        """Why a lawyer must look at the request: since it was judged, or since a clock of it lapsed."""
        lapsed = (
            why for clock in self.clocks if clock.is_open for step in clock.steps for why in step.lawyer_today
        )
        return (*self.first.lawyer_today, *lapsed)


def requests_page(
    reader: sqlite3.Connection,
    shown: RequestFilter,
    categories: frozenset[Category],
    after: str | None = None,
) -> Page:
    """A page of the requests that a person may see.

    Raises BadFilter if `after` is not what an earlier page said.
    """
    return page_of(reader, "requests", shown, ("order_due", "received_ms", "request_id"), after, categories)


def known_request(reader: sqlite3.Connection, request_id: str) -> KnownRequest | None:
    """A request; None if there is none with that id."""
    row = reader.execute(SQL["request_row"], (request_id,)).fetchone()
    if row is None:
        return None
    # The judgement comes before the steps of clocks.
    (first,) = reader.execute(SQL["request_steps"], (request_id,)).fetchone()
    case = CaseKey("request", request_id)
    return KnownRequest(
        row,
        _STEP.decode(first),
        work_on_request(reader, request_id),
        acts_on(reader, case),
        hanging_clocks(reader, case),
    )
