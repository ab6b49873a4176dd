"""The numbers in the navigation, for pages that are open."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from streams.desk.console.web.context import counted_work


def work(request: Request) -> Response:
    """How much waits for who is signed in, by the names that the navigation has."""
    return JSONResponse({each.name: each.waits for each in counted_work(request)})
