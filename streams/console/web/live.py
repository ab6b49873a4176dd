"""The stream of server-sent events to an open page."""

from collections.abc import AsyncIterator
from typing import Final

import orjson
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from streams.console.casework.permissions import Person
from streams.console.live_feed import ENDED, Told
from streams.console.read_model.categories import categories_of
from streams.console.web.context import console_of, person_of, person_still
from streams.console.web.limits import too_fast

# A proxy closes a connection on which nothing was sent for a minute or more.
_PING_SECONDS = 15

# More open pages than anybody looks at, and a tenth of all connections.
_MOST_PAGES: Final = 100


async def live(request: Request) -> EventSourceResponse:
    """What changed since a page was made, from then on. A browser that reconnects says where it was.

    Raises HTTPException if the page shows a case that the person may not see, or the person has too many pages open.
    """
    person = person_of(request)
    position = request.headers.get("last-event-id") or request.query_params.get("position", "")
    case_id = request.query_params.get("case")
    if case_id is not None and not await run_in_threadpool(_may_see, request, person, case_id):
        raise HTTPException(404, "There is no such case, or it is not yours to see.")
    if console_of(request).feed.pages_of(person.ref) >= _MOST_PAGES:
        raise too_fast(_PING_SECONDS)
    return EventSourceResponse(_told(request, position, case_id), ping=_PING_SECONDS)


def _may_see(request: Request, person: Person, case_id: str) -> bool:
    known = categories_of(console_of(request).database.reader(), [case_id])
    return case_id in known and person.sees(known[case_id])


async def _told(request: Request, position: str, case_id: str | None) -> AsyncIterator[ServerSentEvent]:
    feed = console_of(request).feed
    # Before asking for what was missed: nothing falls in between.
    with feed.reading(case_id, person_of(request).ref) as queue:
        for told in feed.since(position):
            yield _event(told, person_of(request))
        while True:
            told = await queue.get()
            if told is ENDED:
                return
            # The page may be open for longer than the session, or than the person may see what it shows.
            person = person_still(request)
            if person is None:
                return
            yield _event(told, person)


def _event(told: Told, person: Person) -> ServerSentEvent:
    ids = told.told_to(person)
    if told.ids and not ids:
        # Browsers note the position of an event without data, and tell the page nothing.
        return ServerSentEvent(id=told.position)
    return ServerSentEvent(orjson.dumps(ids).decode(), event=told.event, id=told.position or None)
