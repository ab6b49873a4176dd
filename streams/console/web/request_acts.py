"""What people do with an authority's request, as forms send it."""

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.console.casework.permissions import answer_needs_two, may_act_on_request
from streams.console.read_model.requests_query import KnownRequest
from streams.console.web.acting import carry_out
from streams.console.web.context import person_of
from streams.console.web.forms import ACTIVITY_KINDS, act_fields, as_part, choice_of, local_path, text_of
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
        lambda: _activity(request, form, known, kind),
        lambda said, status: request_page(request, request_of(request), said, status, form),
        lambda: request_of(request).acts,
        local_path(form) or request.url_for("request", id=known.first.request_id).path,
    )


def _activity(request: Request, form: FormData, known: KnownRequest, kind: ActivityKind) -> CaseActivity:
    member = person_of(request).member()
    assert member is not None
    answer = _answer(form, known) if kind in ("decided", "outcome_proposed") else None
    if kind == "decided" and answer is not None and answer_needs_two(known.first, answer.answer):
        kind = "outcome_proposed"
    return CaseActivity(
        **act_fields(form, kind, member), request_id=known.first.request_id, proposed_answer=answer
    )


def _answer(form: FormData, known: KnownRequest) -> ProposedAnswer:
    answer = choice_of(form, "answer", "an answer")
    held = known.work.decision
    document = {
        "answer": answer,
        "clocks": [
            {
                "clock_id": clock.view.clock_id,
                "subject": "request",
                "key": known.first.request_id,
                "outcome": "withdrawn" if answer == "withdrawn" else "fulfilled",
            }
            for clock in known.clocks
            if clock.is_open and text_of(form, f"clock_{clock.view.clock_id}") == "ends"
        ],
        "supersedes": None if held is None else held.activity_id,
    }
    return as_part(document, ProposedAnswer)
