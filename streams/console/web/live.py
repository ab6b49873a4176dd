"""The stream of server-sent events to an open page."""

from collections.abc import AsyncIterator

import orjson
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request

from streams.console.live_feed import Told
from streams.console.web.context import console_of, person_of

# A proxy closes a connection on which nothing was sent for a minute or more.
_PING_SECONDS = 15


async def live(request: Request) -> EventSourceResponse:
    """What changed since a page was made, from then on. A browser that reconnects says where it was."""
    position = request.headers.get("last-event-id") or request.query_params.get("position", "")
    case_id = request.query_params.get("case")
    return EventSourceResponse(_told(request, position, case_id), ping=_PING_SECONDS)


async def _told(request: Request, position: str, case_id: str | None) -> AsyncIterator[ServerSentEvent]:
    feed = console_of(request).feed
    # Before asking for what was missed: nothing falls in between.
    with feed.reading(case_id, person_of(request).ref) as queue:
        for told in feed.since(position):
            yield _event(told)
        while True:
            yield _event(await queue.get())


def _event(told: Told) -> ServerSentEvent:
    return ServerSentEvent(orjson.dumps(told.ids).decode(), event=told.event, id=told.position or None)
