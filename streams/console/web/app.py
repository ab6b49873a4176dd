"""Puts the pages together into an application."""

import secrets
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from streams.console.casework.permissions import Person
from streams.console.web.acts import act
from streams.console.web.bulk import bulk, bulk_confirmed
from streams.console.web.case import case
from streams.console.web.clocks import act_on_clock, clocks
from streams.console.web.context import Console
from streams.console.web.desk import desk, next_case, rows
from streams.console.web.health import health
from streams.console.web.integrity import integrity
from streams.console.web.live import live
from streams.console.web.policies import policies
from streams.console.web.request_acts import act_on_request
from streams.console.web.requests import request, requests
from streams.console.web.security import SecurityHeaders
from streams.console.web.sign_in import LocalSignIn
from streams.console.web.transparency import transparency

_STATIC = Path(__file__).parent / "static"

# A shift. Then a person signs in again.
_SESSION_SECONDS = 12 * 3600


def build_app(console: Console, person: Person) -> Starlette:
    """The application; `person` is who works with a console without sign-in."""
    app = Starlette(
        routes=[
            Route("/", lambda _: RedirectResponse("/desk", 302), name="home"),
            Route("/desk", desk, name="desk"),
            Route("/desk/rows", rows, name="desk_rows"),
            Route("/desk/next/{case}", next_case, name="next_case"),
            Route("/cases/{case}", case, name="case"),
            Route("/cases/{case}/acts", act, methods=["POST"], name="act"),
            Route("/bulk", bulk, methods=["POST"], name="bulk"),
            Route("/bulk/confirmed", bulk_confirmed, methods=["POST"], name="bulk_confirmed"),
            Route("/clocks", clocks, name="clocks"),
            Route("/clocks/{clock}/acts", act_on_clock, methods=["POST"], name="act_on_clock"),
            Route("/requests", requests, name="requests"),
            Route("/requests/{id}", request, name="request"),
            Route("/requests/{id}/acts", act_on_request, methods=["POST"], name="act_on_request"),
            Route("/integrity", integrity, name="integrity"),
            Route("/policies", policies, name="policies"),
            Route("/transparency", transparency, name="transparency"),
            Route("/health", health, name="health"),
            Route("/live", live, name="live"),
            Mount("/static", StaticFiles(directory=_STATIC), name="static"),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(
                SessionMiddleware,
                secret_key=secrets.token_urlsafe(32),
                session_cookie="tocsin_console",
                max_age=_SESSION_SECONDS,
                same_site="strict",
            ),
            Middleware(LocalSignIn, person=person),
        ],
        exception_handlers={HTTPException: _failed},
    )
    app.state.console = console
    app.state.unsigned = True
    return app


def _failed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.detail}\n", error.status_code)
