"""The page about the console itself: how far it has read, and what it could not."""

from starlette.requests import Request
from starlette.responses import Response

from streams.console.read_model.health_query import acts_since, refused_since, topics_read
from streams.console.read_model.policies_query import versions_seen
from streams.console.web.context import console_of, page
from streams.runtime.wall_clock import clock_ms
from streams.wire.times import DAY


def health(request: Request) -> Response:
    """What the console knows about itself, and acts that did not count today."""
    console = console_of(request)
    reader = console.database.reader()
    today_ms = clock_ms() // DAY * DAY
    context = {
        "nav": "health",
        "readers": console.feed.readers,
        "topics": topics_read(reader),
        "versions": versions_seen(reader),
        "acts": acts_since(reader, today_ms),
        "refused": refused_since(reader, today_ms),
    }
    return page(request, "health.html", context)
