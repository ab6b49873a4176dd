"""What people do with a case, as forms send it."""

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.console.casework.permissions import may_act, needs_two
from streams.console.read_model.case_query import KnownCase
from streams.console.web.acting import carry_out
from streams.console.web.case import case_of, case_page
from streams.console.web.context import console_of, person_of
from streams.console.web.ending import clock_choices
from streams.console.web.forms import ACTIVITY_KINDS, WrongForm, act_fields, choice_of, local_path, text_of
from streams.console.web.outcome_form import ground_of, outcome_of
from streams.console.web.security import checked_form
from streams.events.case_activity import ActivityKind, CaseActivity, ProposedOutcome


async def act(request: Request) -> Response:
    """Do something with a case. Answers with its page, which says who was faster if this act did not count."""
    form = await checked_form(request)
    person = person_of(request)
    known = await run_in_threadpool(case_of, request)
    kind = ACTIVITY_KINDS.get(text_of(form, "kind"))
    if kind is None or not may_act(person, kind, known.newest.category):
        raise HTTPException(403, "Your role may not do this.")
    return await carry_out(
        request,
        form,
        known,
        case_of,
        case_page,
        lambda: _activity(request, form, known, kind),
        local_path(form) or request.url_for("case", case=known.newest.escalation_id).path,
    )


def _activity(request: Request, form: FormData, known: KnownCase, kind: ActivityKind) -> CaseActivity:
    member = person_of(request).member()
    assert member is not None
    proposed = _proposed_outcome(request, form, known) if kind in ("decided", "outcome_proposed") else None
    if kind == "decided" and proposed is not None and needs_two(known.events, proposed.decision):
        kind = "outcome_proposed"
    return CaseActivity(
        **act_fields(form, kind, member),
        escalation_id=known.newest.escalation_id,
        channel_ref=known.newest.channel_ref,
        proposed=proposed,
    )


def _proposed_outcome(request: Request, form: FormData, known: KnownCase) -> ProposedOutcome:
    decision = choice_of(form, "decision", "a decision")
    category = text_of(form, "category")
    if category not in console_of(request).categories:
        raise WrongForm("Choose a category.")
    action = {name: value for name in ("visibility", "account") if (value := text_of(form, name))}
    return outcome_of(
        known,
        clock_choices(form, known.clocks, console_of(request).duties),
        decision=decision,
        category=category,
        reason=choice_of(form, f"reason_{decision}", "a reason for the decision"),
        ground=ground_of(form),
        action=action if action and decision == "upheld" else None,
    )
