"""The list of authorities' requests, and the page of one."""

import secrets
from collections.abc import Mapping
from typing import Any, get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.console.casework.permissions import answer_needs_two, may_act_on_request, may_end_clock
from streams.console.casework.refusals import (
    FOLLOWING,
    is_refused,
    may_set_refusal_aside,
    sets_refusal_aside,
)
from streams.console.read_model.requests_query import (
    KnownRequest,
    RequestFilter,
    RequestsListed,
    known_request,
    requests_page,
)
from streams.console.web.context import console_of, next_page, note_position, page, person_of
from streams.console.web.decided import work_shown
from streams.console.web.forms import LOST_RACE, NOT_KNOWN, SNOOZES, page_id
from streams.console.web.timeline import request_timeline
from streams.events.authority_request import RequestKind
from streams.events.authority_routing import Decision
from streams.events.case_activity import ActivityKind, CaseNote, RequestAnswer
from streams.events.routing import Gate
from streams.text.story import NOT_ARMED


def requests(request: Request) -> Response:
    """The requests of a view, those with the least time left first. The view is in the address."""
    console, person = console_of(request), person_of(request)
    shown = RequestFilter.of(request.query_params)
    listed = requests_page(
        console.database.reader(), shown, person.categories, request.query_params.get("after")
    )
    context = {
        "nav": "requests",
        "shown": shown,
        "rows": listed.rows,
        "more": next_page(shown, listed.after),
        "lists": get_args(RequestsListed),
        "decisions": get_args(Decision),
        "gates": get_args(Gate),
        "kinds": get_args(RequestKind),
    }
    return page(request, "requests.html", context)


def request(request: Request) -> Response:
    """The page of a request. Raises HTTPException if there is none, or the person may not see it."""
    return request_page(request, request_of(request))


def request_of(request: Request) -> KnownRequest:
    """The request that the path names. Raises HTTPException as `request` does."""
    note_position(request)
    found = known_request(console_of(request).database.reader(), request.path_params["id"])
    if found is None or not person_of(request).sees(found.first.category):
        raise HTTPException(404, "There is no such request, or it is not yours to see.")
    return found


def request_page(
    request: Request,
    known: KnownRequest,
    said: str | None = None,
    status_code: int = 200,
    typed: Mapping[str, Any] | None = None,
) -> Response:
    """The page of a request. `said` is what to tell the reader first; `typed` fills the form as it was sent."""
    person, first, work = person_of(request), known.first, known.work
    duties = console_of(request).duties
    context: dict[str, Any] = {
        "nav": "requests",
        "case": known,
        "first": first,
        "row": known.row,
        **work_shown(known, duties),
        "said": said,
        "unfolded": typed is not None and status_code != LOST_RACE,
        "draft": typed is not None,
        "refused": is_refused(first),
        "set_aside": work.decision is not None and sets_refusal_aside(first, work.decision.outcome),
        "sets_aside": work.proposal is not None and sets_refusal_aside(first, work.proposal.outcome),
        "may_set_aside": may_set_refusal_aside(person),
        "following": FOLLOWING,
        "typed": typed or {},
        "findings": first.findings,
        "timeline": request_timeline(known, duties),
        "act_id": page_id(typed) if status_code == NOT_KNOWN else secrets.token_hex(16),
        "may": {kind: may_act_on_request(person, kind, first.category) for kind in get_args(ActivityKind)},
        "two_for": [each for each in get_args(RequestAnswer) if answer_needs_two(first, each)],
        "answers": get_args(RequestAnswer),
        "notes": get_args(CaseNote),
        "snoozes": list(SNOOZES),
        "may_end_clocks": may_end_clock(person, "request", first.category),
        "not_armed": NOT_ARMED,
    }
    return page(request, "request.html", context, status_code)
