"""The page of cases about the integrity of reporting, and for leads of who decided what."""

from typing import get_args

from starlette.requests import Request
from starlette.responses import Response

from streams.contract.events.integrity_case import DetectorCaseKind, IntegrityCaseKind
from streams.contract.wire.times import DAY
from streams.desk.console.read_model.integrity import IntegrityFilter, integrity_page
from streams.desk.console.read_model.reviewers_query import reviewers
from streams.desk.console.web.context import console_of, next_page, page, person_of
from streams.running.wall_clock import clock_ms

# As long as trust is made of what was decided: after so many days an outcome still counts for four fifths.
_DAYS = 30


def integrity(request: Request) -> Response:
    """The cases of a view, the newest first. Leads see who decided what."""
    shown = IntegrityFilter.of(request.query_params)
    reader, person = console_of(request).database.reader(), person_of(request)
    listed = integrity_page(reader, shown, request.query_params.get("after"))
    is_lead = person.role == "lead"
    context = {
        "nav": "integrity",
        "shown": shown,
        "cases": listed.cases,
        "more": next_page(shown, listed.after),
        "kinds": (*get_args(IntegrityCaseKind), *get_args(DetectorCaseKind)),
        "days": _DAYS,
        "reviewers": reviewers(reader, clock_ms() - _DAYS * DAY, person.sees) if is_lead else None,
    }
    return page(request, "integrity.html", context)
