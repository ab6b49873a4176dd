"""Lists authorities' requests, and reads everything that is known about one."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec

from streams.console.casework.work import CaseKey, RequestWork
from streams.console.read_model.acts import work_on_request
from streams.console.read_model.case_query import HangingClock, KnownAct, acts_on, hanging_clocks
from streams.console.read_model.paging import Page, equal, given_in, page_of, parameters_of, require, restrict
from streams.events.authority_request import RequestKind
from streams.events.authority_routing import AuthorityRouting, Decision
from streams.events.report import Category
from streams.events.routing import Gate

RequestsListed = Literal["waiting", "answered", "all"]

_STEP = msgspec.json.Decoder(AuthorityRouting)


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests a view shows. None filters nothing; `country` is that of the authority."""

    listed: RequestsListed = "waiting"
    country: str | None = None
    decision: Decision | None = None
    gate: Gate | None = None
    kind: RequestKind | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "RequestFilter":
        """The filter that the parameters of an address say. Raises BadFilter."""
        values = given_in(cls, given)
        if "country" in values:
            values["country"] = values["country"].upper()
        require(values, "listed", get_args(RequestsListed))
        require(values, "decision", get_args(Decision))
        require(values, "gate", get_args(Gate))
        require(values, "kind", get_args(RequestKind))
        return cls(**values)  # type: ignore[arg-type]

    def parameters(self) -> dict[str, str]:
        """The parameters of an address that say this filter, without those that filter nothing."""
        return parameters_of(self, RequestFilter())


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """A request: how it was judged, the later steps of its clocks, the work on it, and its clocks."""

    row: sqlite3.Row
    first: AuthorityRouting
    work: RequestWork
    acts: tuple[KnownAct, ...]
    clocks: tuple[HangingClock, ...]


def requests_page(
    reader: sqlite3.Connection,
    shown: RequestFilter,
    categories: frozenset[Category],
    after: str | None = None,
) -> Page:
    """A page of the requests that a person may see. Raises BadFilter if `after` is not what an earlier page said."""
    where, values = ["1 = 1"], list[str | int]()
    if shown.listed != "all":
        where.append("waits = ?")
        values.append(shown.listed == "waiting")
    restrict(where, values, categories)
    columns = {"country": shown.country, "decision": shown.decision, "gate": shown.gate, "kind": shown.kind}
    equal(where, values, columns)
    return page_of(
        reader, "SELECT * FROM request_row", where, values, ("order_due", "received_ms", "request_id"), after
    )


def known_request(reader: sqlite3.Connection, request_id: str) -> KnownRequest | None:
    """A request; None if there is none with that id."""
    row = reader.execute("SELECT * FROM request_row WHERE request_id = ?", (request_id,)).fetchone()
    if row is None:
        return None
    (first,) = reader.execute(
        "SELECT event FROM request_step WHERE request_id = ? AND clock_id = ''", (request_id,)
    ).fetchone()
    return KnownRequest(
        row,
        _STEP.decode(first),
        work_on_request(reader, request_id),
        acts_on(reader, CaseKey("request", request_id)),
        hanging_clocks(reader, "subject = 'request' AND key = ?", (request_id,)),
    )
