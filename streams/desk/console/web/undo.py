"""Undoes what a person did some seconds ago, and says what became of it."""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from streams.contract.wire.times import moment_ms
from streams.desk.console.read_model.case_query import HangingClock
from streams.desk.console.web.context import console_of, person_of
from streams.desk.console.web.forms import WrongForm, local_path, text_of
from streams.desk.console.web.security.other_sites import checked_form


async def undo(request: Request) -> Response:
    """Forget an act that is held, and go on to the page of what it was about."""
    form = await checked_form(request)
    undone = console_of(request).held.undo(person_of(request).ref, text_of(form, "act"))
    if undone is None:
        request.session["done"] = "Too late to undo: it was sent."
        return RedirectResponse(local_path(form) or "/desk", 303)
    request.session["done"] = f"Undone, nothing was sent: {undone.said}"
    return RedirectResponse(undone.path, 303)


def became(request: Request) -> Response:
    """What became of an act, for the page that has counted its time down; null while it is held."""
    act_id = request.query_params.get("act", "")
    said = console_of(request).held.became(person_of(request).ref, act_id)
    return JSONResponse({"said": said})


def next_due_ms(clocks: Iterable[HangingClock]) -> int | None:
    """When the next duty of a case or request is due, in ms since the epoch; None if no clock runs."""
    running = (each.view for each in clocks if each.is_open and each.view.status != "paused")
    return min((moment_ms(each.due_at) for each in running), default=None)


def require_nothing_held(request: Request, about: str | None, act_id: str) -> None:
    """Raise WrongForm if the person has just done something else with the same case, request or clock."""
    console, person = console_of(request), person_of(request)
    for held in console.held.of(person.ref):
        if held.about == about and held.act_id != act_id:
            raise WrongForm(
                f"You have just done something here that is not sent yet: {held.said} Undo it first."
            )
