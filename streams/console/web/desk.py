"""The desk: a list of cases."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from sqlite3 import Row
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.console.read_model.desk_query import (
    DeskFilter,
    clock_word,
    counts_by,
    desk_page,
)
from streams.console.read_model.paging import BadFilter
from streams.console.web.context import console_of, page, person_of
from streams.console.web.words import in_words
from streams.runtime.wall_clock import clock_ms


class RowGroup(NamedTuple):
    """Rows that stand together under one heading."""

    heading: str
    rows: Sequence[Row]


def desk(request: Request) -> Response:
    """The cases of a view. The view is in the address, so it can be sent to a colleague."""
    console, person = console_of(request), person_of(request)
    now = clock_ms()
    reader = console.database.reader()
    try:
        shown = DeskFilter.of(request.query_params)
        listed = desk_page(reader, shown, person.categories, now, request.query_params.get("after"))
    except BadFilter as error:
        raise HTTPException(400, str(error)) from error
    more = None if listed.after is None else urlencode({**shown.parameters(), "after": listed.after})
    context = {
        "shown": shown,
        "groups": list(_grouped(listed.rows, shown, now)),
        "more": more,
        "nav": "desk",
    }
    # The page asks for what follows as its reader scrolls.
    if "after" in request.query_params:
        return page(request, "desk_rows.html", context)
    by_category = counts_by(reader, "category", shown, person.categories, now)
    context |= {
        "by_category": by_category,
        "by_policy": counts_by(reader, "policy", shown, person.categories, now),
        "total": sum(each.cases for each in by_category),
    }
    return page(request, "desk.html", context)


def row(request: Request) -> Response:
    """One row as it is now, to replace the one on an open page."""
    console, person = console_of(request), person_of(request)
    found = (
        console.database.reader()
        .execute("SELECT * FROM desk_row WHERE escalation_id = ?", (request.path_params["case"],))
        .fetchone()
    )
    if found is None or not person.sees(found["category"]):
        raise HTTPException(404, "There is no such case, or it is not yours to see.")
    return page(request, "desk_row.html", {"row": found})


def _grouped(rows: Sequence[Row], shown: DeskFilter, now_ms: int) -> Iterator[RowGroup]:
    def heading(row: Row) -> str:
        if shown.by == "channel":
            return f"Channel {row['channel_ref']}"
        if shown.by == "category":
            return in_words(row["category_group"].removeprefix("STATEMENT_CATEGORY_").lower())
        return clock_word(row["due_ms"], now_ms)

    for name, group in groupby(rows, heading):
        yield RowGroup(name, list(group))
