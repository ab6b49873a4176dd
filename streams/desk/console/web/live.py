"""What open pages are told: a stream of server-sent events, and the numbers in the navigation."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from time import monotonic
from typing import Final

import orjson
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.desk.console.casework.permissions import Person
from streams.desk.console.live_feed import ENDED, Told
from streams.desk.console.read_model.changes import categories_of
from streams.desk.console.web.context import console_of, counted_work, person_of, person_still
from streams.desk.console.web.security.limits import too_fast
from streams.desk.console.web.security.slow_clients import CLOSE_SECONDS, OpenStream

# A proxy closes a connection on which nothing was sent for a minute or more.
_PING_SECONDS = 15

# A stream comes to its own end when the console does (LiveFeed.end). EventSourceResponse would cut it off as
# soon as it notices the signal, often before that; it gives up a second before the server does.
_END_SECONDS = CLOSE_SECONDS - 1

# More open pages than anybody looks at, and a tenth of all connections.
_MOST_PAGES: Final = 100

# Eight of the process, a hyphen, and a number: a desk that changes a thousand times a second needs 13 digits
# after 100 years.
_LONGEST_POSITION: Final = 24


async def live(request: Request) -> ASGIApp:
    """What changed since a page was made, from then on. A browser that reconnects says where it was.

    Raises HTTPException if the position is none, or the page shows a case that the person may not see. The
    answer does if the person has too many pages open.
    """
    person = person_of(request)
    position = request.headers.get("last-event-id") or request.query_params.get("position", "")
    if len(position) > _LONGEST_POSITION:
        raise HTTPException(
            400,
            f"A position in the stream of changes has at most {_LONGEST_POSITION} characters, as a page of "
            "the console says it. Load the page again.",
        )
    case_id = request.query_params.get("case")
    if case_id is not None and not await run_in_threadpool(_may_see, request, person, case_id):
        raise HTTPException(404, "There is no such case, or it is not yours to see.")

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        feed = console_of(request).feed
        # Hundreds may come to this point before any of them goes on: nothing is awaited until the page
        # counts, and it counts until the answer ends, also one that never begins because nobody is there to
        # read it.
        if feed.pages_of(person.ref) >= _MOST_PAGES:
            raise too_fast(_PING_SECONDS)
        with feed.reading(case_id, person.ref) as queue:
            request.state.stream = OpenStream(person.ref, monotonic())
            told = _told(request, feed.since(position), queue)
            response = EventSourceResponse(told, ping=_PING_SECONDS, shutdown_grace_period=_END_SECONDS)
            await response(scope, receive, send)

    return stream


def work(request: Request) -> Response:
    """How much waits for who is signed in, by the names that the navigation has."""
    return JSONResponse({each.name: each.waits for each in counted_work(request)})


def _may_see(request: Request, person: Person, case_id: str) -> bool:
    known = categories_of(console_of(request).database.reader(), [case_id])
    return any(map(person.sees, known.get(case_id, ())))


async def _told(
    request: Request, missed: Sequence[Told], queue: asyncio.Queue[Told]
) -> AsyncIterator[ServerSentEvent]:
    for told in missed:
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
