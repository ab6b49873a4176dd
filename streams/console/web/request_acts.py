"""What people do with an authority's request, as forms send it."""

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.console.casework.permissions import answer_needs_two, may_act_on_request
from streams.console.casework.refusals import may_set_refusal_aside, sets_refusal_aside
from streams.console.read_model.requests_query import KnownRequest
from streams.console.web.acting import carry_out
from streams.console.web.context import console_of, person_of
from streams.console.web.ending import clock_choices
from streams.console.web.forms import (
    ACTIVITY_KINDS,
    WrongForm,
    act_fields,
    as_part,
    choice_of,
    local_path,
    text_of,
)
from streams.console.web.requests import request_of, request_page
from streams.console.web.security import checked_form
from streams.events.case_activity import ActivityKind, CaseActivity, ProposedAnswer


async def act_on_request(request: Request) -> Response:
    """Do something with a request. Answers with its page, which says who was faster if this act did not count."""
    form = await checked_form(request)
    known = await run_in_threadpool(request_of, request)
    kind = ACTIVITY_KINDS.get(text_of(form, "kind"))
    if kind is None or not may_act_on_request(person_of(request), kind, known.first.category):
        raise HTTPException(403, "Your role may not do this.")
    return await carry_out(
        request,
        form,
        known,
        request_of,
        request_page,
        lambda: _activity(request, form, known, kind),
        local_path(form) or request.url_for("request", id=known.first.request_id).path,
    )


def _activity(request: Request, form: FormData, known: KnownRequest, kind: ActivityKind) -> CaseActivity:
    member = person_of(request).member()
    assert member is not None
    answer = _answer(request, form, known) if kind in ("decided", "outcome_proposed") else None
    judged = known.work.proposal.outcome if kind == "proposal_signed" and known.work.proposal else answer
    if judged is not None and sets_refusal_aside(known.first, judged):
        _require_set_aside(request, form, known)
    if kind == "decided" and answer is not None and answer_needs_two(known.first, answer.answer):
        kind = "outcome_proposed"
    return CaseActivity(
        **act_fields(form, kind, member), request_id=known.first.request_id, proposed_answer=answer
    )


def _require_set_aside(request: Request, form: FormData, known: KnownRequest) -> None:
    """Raise HTTPException unless the person may answer as if code had not refused, and WrongForm unless they typed the id."""
    if not may_set_refusal_aside(person_of(request)):
        raise HTTPException(
            403,
            "This request is refused, whichever authority makes it: only the role legal may follow it, also in part, or sign that.",
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
