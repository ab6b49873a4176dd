"""Saves a filter of the desk under a name, for oneself or for all, and deletes it.

What is saved last under a name holds. A compacted topic keeps no more than that, so no console could tell who
was first once the log has been compacted; who saves over what they have not seen is asked first.
"""

from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from aiokafka.errors import KafkaError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.contract.events.desk_member import DeskMember
from streams.contract.events.desk_view import MOST_TARGET_HOURS, DeskView, QueueTarget, ViewKind
from streams.contract.wire.forms.desk_view import encode_desk_view, encode_view_deletion, key_of, view_key
from streams.contract.wire.view_names import BadName, same_name, view_name
from streams.desk.console.casework.permissions import may_save_view
from streams.desk.console.publisher import NotReadBack
from streams.desk.console.read_model.desk.filter import PARAMETERS, DeskFilter
from streams.desk.console.read_model.finding.desk_views import (
    MOST_VIEWS,
    SavedView,
    all_queues,
    built_in_views,
    own_views,
    queues,
    why_no_queue,
)
from streams.desk.console.web.context import console_of, person_of
from streams.desk.console.web.finding.shown import shown_in
from streams.desk.console.web.finding.views import views_page
from streams.desk.console.web.forms import LOST_RACE, NOT_KNOWN, WrongForm, text_of
from streams.desk.console.web.security.other_sites import checked_form

_NOT_CONFIRMED: Final = (
    "Kafka did not confirm this. It may have been saved or not: this page shows what is known."
)


async def save_view(request: Request) -> Response:
    """Save the filter of a form under a name, and go to the view.

    Raises HTTPException if the person may not, BadFilter for a filter that is none.
    """
    form = await checked_form(request)
    shown = await run_in_threadpool(shown_in, request, _parameters_of(form))
    kind = _kind_in(request, form)

    async def page_saying(said: str, status: int, replaces: str = "") -> Response:
        typed = {name: text_of(form, name) for name in ("name", "kind", "hours", "percent")}
        typed["replaces"] = replaces
        return await run_in_threadpool(views_page, request, said, status, shown, typed)

    try:
        view = _view_in(form, shown, kind, _member(request))
        earlier = await run_in_threadpool(_earlier, request, view)
    except (WrongForm, BadName) as error:
        return await page_saying(str(error), 422)
    if earlier is not None and text_of(form, "replaces") != str(earlier.offset):
        said = (
            f"There is one of this name, saved by {earlier.view.saved_by.ref}: it is among those below. Save "
            "once more to replace it."
        )
        return await page_saying(said, LOST_RACE, str(earlier.offset))
    try:
        await console_of(request).publisher.write(encode_desk_view(view))
    except (NotReadBack, KafkaError):
        return await page_saying(_NOT_CONFIRMED, NOT_KNOWN)
    what = "queue" if kind == "queue" else "view"
    request.session["done"] = f"Saved as the {what} {view.name}."
    return RedirectResponse(f"/desk?{urlencode(shown.parameters())}", 303)


async def delete_view(request: Request) -> Response:
    """Delete a view or a queue as a page showed it. Raises HTTPException if the person may not."""
    form = await checked_form(request)
    kind, ref = _kind_in(request, form), person_of(request).ref
    key = view_key(kind, ref, text_of(form, "name"))
    found = await run_in_threadpool(_visible, request, kind, key)
    if found is None or str(found.offset) != text_of(form, "offset"):
        said = "This was not deleted: somebody else has changed or deleted it. Below is what there is now."
        return await run_in_threadpool(views_page, request, said, LOST_RACE, None, {})
    try:
        await console_of(request).publisher.write(encode_view_deletion(key))
    except (NotReadBack, KafkaError):
        return await run_in_threadpool(views_page, request, _NOT_CONFIRMED, NOT_KNOWN, None, {})
    request.session["done"] = f"Deleted: {found.view.name}."
    return RedirectResponse("/views", 303)


def _kind_in(request: Request, form: FormData) -> ViewKind:
    kind: ViewKind = "queue" if text_of(form, "kind") == "queue" else "own"
    if not may_save_view(person_of(request), kind):
        raise HTTPException(403, "Your role may not do this.")
    return kind


def _member(request: Request) -> DeskMember:
    member = person_of(request).member()
    assert member is not None
    return member


def _parameters_of(form: FormData) -> dict[str, str]:
    return {name: text_of(form, name) for name in PARAMETERS}


def _view_in(form: FormData, shown: DeskFilter, kind: ViewKind, by: DeskMember) -> DeskView:
    """The view that a form says. Raises WrongForm or BadName."""
    if not shown.parameters():
        raise WrongForm("This filter shows everything that waits: choose something in it first.")
    name = view_name(text_of(form, "name"))
    target = _target_in(form) if kind == "queue" else None
    if kind == "queue" and (why := why_no_queue(shown, has_target=target is not None)):
        raise WrongForm(why)
    return DeskView(name, kind, shown.parameters(), by, datetime.now(UTC), target)


def _target_in(form: FormData) -> QueueTarget | None:
    hours, percent = text_of(form, "hours"), text_of(form, "percent")
    if not hours and not percent:
        return None
    if not (_is_within(hours, MOST_TARGET_HOURS) and _is_within(percent, 100)):
        raise WrongForm(
            f"A target has both: 1 to {MOST_TARGET_HOURS} hours to decide, and 1 to 100 percent in time."
        )
    return QueueTarget(int(hours), int(percent))


def _is_within(text: str, most: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= most


def _earlier(request: Request, view: DeskView) -> SavedView | None:
    """What a view would replace.

    Raises WrongForm if it may not be saved under its name, or is one too many.
    """
    reader, person = console_of(request).database.reader(), person_of(request)
    if same_name(view.name).replace("-", " ") in dict(built_in_views(reader, person)):
        raise WrongForm("There is a view of this name that everybody has: choose another one.")
    there = all_queues(reader) if view.kind == "queue" else own_views(reader, person.ref)
    found = next((each for each in there if each.key == key_of(view)), None)
    if found is None and len(there) >= MOST_VIEWS[view.kind]:
        raise WrongForm(f"There are {len(there)} already, which is the most: delete one first.")
    if found is not None and _visible(request, view.kind, found.key) is None:
        raise WrongForm("There is a queue of this name that you do not see: choose another name.")
    return found


def _visible(request: Request, kind: ViewKind, key: str) -> SavedView | None:
    """The view with this key; None if there is none, or the person may not see it."""
    reader, person = console_of(request).database.reader(), person_of(request)
    among = queues(reader, person) if kind == "queue" else own_views(reader, person.ref)
    return next((each for each in among if each.key == key), None)
