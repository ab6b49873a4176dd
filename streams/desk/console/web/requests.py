"""The list of authorities' requests, the page of one, and what people do with it, as forms send it."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.contract.events.authority_request import RequestKind
from streams.contract.events.authority_routing import RoutingDecision
from streams.contract.events.case_activity import ActivityKind, CaseActivity, ProposedAnswer, RequestAnswer
from streams.contract.events.routing import Gate
from streams.desk.console.casework.permissions import (
    FOLLOWING,
    answer_needs_two,
    is_refused,
    may_act_on_request,
    may_end_clock,
    may_set_refusal_aside,
    sets_refusal_aside,
)
from streams.desk.console.read_model.requests_query import (
    KnownRequest,
    RequestFilter,
    RequestsListed,
    known_request,
    requests_page,
)
from streams.desk.console.web.acting import carry_out
from streams.desk.console.web.context import console_of, next_page, note_position, page, person_of
from streams.desk.console.web.decided import work_shown
from streams.desk.console.web.ending import clock_choices
from streams.desk.console.web.forms import (
    WrongForm,
    act_fields,
    as_part,
    choice_of,
    text_of,
    version_of,
)
from streams.desk.console.web.timeline import request_timeline
from streams.desk.text.request_sentence import LEGAL_BASES, request_facts, request_sentence


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
        "decisions": get_args(RoutingDecision),
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
    """The page of a request.

    `said` is what to tell the reader first; `typed` fills the form as it was sent.
    """
    person, first, work = person_of(request), known.first, known.work
    vocabulary = console_of(request).vocabulary
    context: dict[str, Any] = {
        "nav": "requests",
        "first": first,
        "legal_bases": LEGAL_BASES,
        "sentence": request_sentence(request_facts(first)),
        **work_shown(known, vocabulary, said, status_code, typed),
        "refused": is_refused(first),
        "set_aside": work.decision is not None and sets_refusal_aside(first, work.decision.outcome),
        "sets_aside": work.proposal is not None and sets_refusal_aside(first, work.proposal.outcome),
        "may_set_aside": may_set_refusal_aside(person),
        "following": FOLLOWING,
        "findings": first.findings,
        "lawyer_today": known.lawyer_today,
        "timeline": request_timeline(known, vocabulary),
        "may": {kind: may_act_on_request(person, kind, first.category) for kind in get_args(ActivityKind)},
        "two_for": [each for each in get_args(RequestAnswer) if answer_needs_two(first, each)],
        "answers": get_args(RequestAnswer),
        "may_end_clocks": may_end_clock(person, "request", first.category),
    }
    return page(request, "request.html", context, status_code)


async def act_on_request(request: Request) -> Response:
    """Do something with a request.

    Answers with its page, which says who was faster if this act did not count.
    """
    return await carry_out(request, request_of, request_page, may_act_on_request, _activities)


def _activities(
    request: Request, form: FormData, known: KnownRequest, kind: ActivityKind
) -> Sequence[CaseActivity]:
    member = person_of(request).member()
    assert member is not None
    answer = _answer(request, form, known) if kind in ("decided", "outcome_proposed") else None
    judged = known.work.proposal.outcome if kind == "proposal_signed" and known.work.proposal else answer
    if judged is not None and sets_refusal_aside(known.first, judged):
        _require_set_aside(request, form, known)
    if kind == "decided" and answer is not None and answer_needs_two(known.first, answer.answer):
        kind = "outcome_proposed"
    version = version_of(text_of(form, "version"))
    return [
        CaseActivity(
            **act_fields(form, kind, member, version),
            request_id=known.first.request_id,
            proposed_answer=answer,
        )
    ]


def _require_set_aside(request: Request, form: FormData, known: KnownRequest) -> None:
    """Raise HTTPException unless the person may override a refusal, and WrongForm unless the id was typed."""
    if not may_set_refusal_aside(person_of(request)):
        raise HTTPException(
            403,
            "This request is refused, whichever authority makes it: only the role legal may follow it, also "
            "in part, or sign that.",
        )
    if text_of(form, "set_aside") != known.first.request_id:
        raise WrongForm(
            f"Type {known.first.request_id}, the id of the request, to follow what must be refused."
        )


def _answer(request: Request, form: FormData, known: KnownRequest) -> ProposedAnswer:
    answer = choice_of(form, "answer", "an answer")
    ending = "withdrawn" if answer == "withdrawn" else "fulfilled"
    chosen = clock_choices(form, known.clocks, console_of(request).duties)
    held = known.work.decision
    document = {
        "answer": answer,
        "clocks": [
            {
                "clock_id": clock_id,
                "subject": "request",
                "key": known.first.request_id,
                "outcome": ending if said == "ends" else said,
            }
            for clock_id, said in chosen.items()
            if said
        ],
        "supersedes": None if held is None else held.activity_id,
    }
    return as_part(document, ProposedAnswer)
