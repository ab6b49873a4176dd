"""The page of cases about the integrity of reporting, who looks into them, and for leads who decided what."""

import secrets
from datetime import UTC, datetime
from typing import get_args
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.contract.events.case_activity import CaseActivity, IntegrityConclusion, IntegrityVerdict
from streams.contract.events.desk_member import DeskMember
from streams.contract.events.integrity_case import DetectorCaseKind, IntegrityCaseKind
from streams.contract.wire.ids import stable_id
from streams.contract.wire.times import DAY
from streams.desk.console.casework.permissions import may_look_into_integrity
from streams.desk.console.casework.work import CaseKey, IntegrityWork
from streams.desk.console.read_model.case_query import acts_on
from streams.desk.console.read_model.integrity import IntegrityFilter, integrity_case, integrity_page
from streams.desk.console.read_model.reviewers_query import reviewers
from streams.desk.console.web.acting import sent
from streams.desk.console.web.context import console_of, next_page, page, person_of
from streams.desk.console.web.ending import say_afterwards
from streams.desk.console.web.forms import (
    ACTIVITY_KINDS,
    LOST_RACE,
    WrongForm,
    as_part,
    choice_of,
    local_path,
    text_of,
    until,
    version_of,
)
from streams.desk.console.web.security.other_sites import checked_form
from streams.desk.console.web.words import in_words
from streams.running.wall_clock import clock_ms

# As long as trust is made of what was decided: after so many days an outcome still counts for four fifths.
_DAYS = 30

_SAID = {"claimed": "Claimed.", "released": "Released."}


def integrity(request: Request) -> Response:
    """The cases of a view, the newest first. Leads see who decided what."""
    return _page(request)


def _page(request: Request, said: str | None = None, status_code: int = 200) -> Response:
    shown = IntegrityFilter.of(request.query_params)
    reader, person = console_of(request).database.reader(), person_of(request)
    listed = integrity_page(reader, shown, request.query_params.get("after"))
    is_lead, now = person.role == "lead", datetime.now(UTC)

    def works_on(work: IntegrityWork) -> str | None:
        held = work.assigned_to(now)
        return None if held is None else held.ref

    context = {
        "nav": "integrity",
        "said": said,
        "shown": shown,
        "cases": listed.cases,
        "more": next_page(shown, listed.after),
        # The answer to a form that did not count is no view that one could come back to.
        "next": f"/integrity?{urlencode(shown.parameters())}",
        "page_id": secrets.token_hex(16),
        "works_on": works_on,
        "may_look": may_look_into_integrity(person),
        "verdicts": get_args(IntegrityVerdict),
        "kinds": (*get_args(IntegrityCaseKind), *get_args(DetectorCaseKind)),
        "days": _DAYS,
        "reviewers": reviewers(reader, clock_ms() - _DAYS * DAY, person.sees) if is_lead else None,
    }
    return page(request, "integrity.html", context, status_code)


async def act_on_integrity(request: Request) -> Response:
    """Claim, release or close a case, and go on to the list; it says who was faster if this did not count.

    Raises HTTPException if there is no such case, or the person may not.
    """
    form = await checked_form(request)
    console, person, case_id = console_of(request), person_of(request), request.path_params["case"]
    member = person.member()
    if member is None or not may_look_into_integrity(person):
        raise HTTPException(403, "Your role may not do this.")
    known = await run_in_threadpool(lambda: integrity_case(console.database.reader(), case_id))
    if known is None:
        raise HTTPException(404, "There is no such case.")
    try:
        act = _activity(form, case_id, member)
    except WrongForm as error:
        return await run_in_threadpool(_page, request, str(error), 422)
    key = CaseKey("integrity", case_id)
    refused = await sent(console, [act], lambda: acts_on(console.database.reader(), key))
    if refused is not None:
        return await run_in_threadpool(_page, request, refused, LOST_RACE)
    done = _SAID.get(act.kind) or f"Closed: {in_words(text_of(form, 'verdict'))}."
    then = local_path(form) or "/integrity"
    say_afterwards(request, done, [], then)
    return RedirectResponse(then, 303)


def _activity(form: FormData, case_id: str, member: DeskMember) -> CaseActivity:
    """What a form asks for. The same form again is the same act. Raises WrongForm."""
    kind, now = ACTIVITY_KINDS.get(text_of(form, "kind")), datetime.now(UTC)
    if kind not in ("claimed", "released", "decided"):
        raise WrongForm("kind must be one of claimed, released, decided.")
    conclusion = None
    if kind == "decided":
        said = {
            "verdict": choice_of(form, "verdict", "what was found"),
            "supersedes": text_of(form, "supersedes") or None,
        }
        conclusion = as_part(said, IntegrityConclusion)
    version = version_of(text_of(form, "version"))
    return CaseActivity(
        activity_id=stable_id("console-integrity", text_of(form, "page_id"), case_id, kind, str(version)),
        kind=kind,
        actor=member,
        at=now,
        expected_version=version,
        integrity_case_id=case_id,
        until=until(form, kind, now),
        conclusion=conclusion,
    )
