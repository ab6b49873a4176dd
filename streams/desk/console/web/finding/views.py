"""The page of views and queues, and their addresses by name."""

from collections.abc import Mapping
from sqlite3 import Connection
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.contract.events.desk_view import MOST_TARGET_HOURS, ViewKind
from streams.contract.wire.view_names import same_name
from streams.desk.console.casework.permissions import Person, may_save_view
from streams.desk.console.read_model.desk.filter import DeskFilter
from streams.desk.console.read_model.desk.query import total
from streams.desk.console.web.context import console_of, page, person_of
from streams.desk.console.web.finding.named_views import NamedView, filter_words, named_views
from streams.desk.console.web.finding.shown import shown_in
from streams.running.wall_clock import clock_ms


def views(request: Request) -> Response:
    """The views by name, and a form to save the filter that is in the address, if one is."""
    given = request.query_params
    shown = shown_in(request, given)
    return views_page(request, None, 200, shown if shown.parameters() else None, given)


def view_by_name(request: Request) -> Response:
    """Go to a view of everybody or of one's own. Raises HTTPException if there is none of this name."""
    return _go_to(request, "own")


def queue_by_name(request: Request) -> Response:
    """Go to a queue. Raises HTTPException if there is none of this name, or the person may not see it."""
    return _go_to(request, "queue")


def views_page(
    request: Request, said: str | None, status: int, shown: DeskFilter | None, typed: Mapping[str, Any]
) -> Response:
    """The page. `said` is what to tell its reader first.

    `shown` is the filter that the form would save; `typed` has what its other fields say.
    """
    person, reader, now = person_of(request), console_of(request).database.reader(), clock_ms()
    named = named_views(reader, person)
    context = {
        "nav": "views",
        "said": said,
        "shown": shown,
        "shown_in_words": filter_words(shown) if shown else "",
        "typed": typed,
        "built_in": [(each, _waits(each, reader, person, now)) for each in named if each.saved is None],
        "own": [(each, _waits(each, reader, person, now)) for each in named if _is(each, "own")],
        "queues": [(each, _waits(each, reader, person, now)) for each in named if _is(each, "queue")],
        "may_save": may_save_view(person, "own"),
        "may_publish": may_save_view(person, "queue"),
        "most_hours": MOST_TARGET_HOURS,
    }
    return page(request, "views.html", context, status)


def _waits(view: NamedView, reader: Connection, person: Person, now_ms: int) -> int | None:
    return None if view.shown is None else total(reader, view.shown, person, now_ms)


def _is(view: NamedView, kind: ViewKind) -> bool:
    return view.saved is not None and view.saved.view.kind == kind


def _go_to(request: Request, kind: ViewKind) -> Response:
    person, reader = person_of(request), console_of(request).database.reader()
    wanted = same_name(request.path_params["name"])
    for each in named_views(reader, person):
        is_asked = each.saved is None and each.name.replace(" ", "-") == wanted and kind == "own"
        if is_asked or (_is(each, kind) and same_name(each.name) == wanted):
            return RedirectResponse(each.address, 303)
    raise HTTPException(404, "There is no view of this name, or it is not yours to see.")
