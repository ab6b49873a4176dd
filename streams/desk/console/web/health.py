"""The page about the console itself: how far it has read, and what it could not."""

from starlette.requests import Request
from starlette.responses import Response

from streams.contract.wire.times import DAY
from streams.desk.console.read_model.statements import SQL
from streams.desk.console.web.context import console_of, page
from streams.running.wall_clock import clock_ms


def health(request: Request) -> Response:
    """What the console knows about itself, and acts that did not count today."""
    console = console_of(request)
    reader = console.database.reader()
    today_ms = clock_ms() // DAY * DAY
    context = {
        "nav": "health",
        "readers": console.feed.readers,
        "topics": reader.execute(SQL["topics_read"]).fetchall(),
        "versions": reader.execute(SQL["versions"]).fetchall(),
        "acts": reader.execute(SQL["acts_since"], (today_ms,)).fetchone()[0],
        "refused": reader.execute(SQL["refused_since"], (today_ms,)).fetchall(),
    }
    return page(request, "health.html", context)
