"""Puts the pages together into an application."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from streams.desk.console.casework.permissions import Person
from streams.desk.console.people.access import Access, NoSignIn, OpenIDSignIn, load_access
from streams.desk.console.read_model.paging import BadFilter
from streams.desk.console.web.cases.acts import act
from streams.desk.console.web.cases.bulk import bulk, bulk_confirmed
from streams.desk.console.web.cases.case import case
from streams.desk.console.web.cases.desk import desk, next_case, rows
from streams.desk.console.web.clocks import act_on_clock, clocks
from streams.desk.console.web.context import Console
from streams.desk.console.web.error_pages import ErrorPages, error_page
from streams.desk.console.web.figures import figures, figures_file
from streams.desk.console.web.finding.save_view import delete_view, save_view
from streams.desk.console.web.finding.search import found_places, search
from streams.desk.console.web.finding.views import queue_by_name, view_by_name, views
from streams.desk.console.web.health import health
from streams.desk.console.web.integrity import act_on_integrity, integrity
from streams.desk.console.web.live import live, work
from streams.desk.console.web.policies import policies
from streams.desk.console.web.questions import questions
from streams.desk.console.web.requests import act_on_request, request, requests
from streams.desk.console.web.rules.acts import act_on_rules
from streams.desk.console.web.rules.page import rule_set, rules
from streams.desk.console.web.security.act_as import ActAs
from streams.desk.console.web.security.audit import Audit
from streams.desk.console.web.security.limits import BodyLimit
from streams.desk.console.web.security.other_sites import Arrivals, SecurityHeaders
from streams.desk.console.web.security.sign_in import SESSION_SECONDS, SignIn
from streams.desk.console.web.transparency import transparency
from streams.desk.console.web.undo import became, undo

_STATIC = Path(__file__).parent / "static"


def build_app(console: Console, person: Callable[[], Person], access: Access | None = None) -> Starlette:
    """The application. `person` gives who works without sign-in and without a people file.

    `access` is what the console's settings say if it is not given; raises as `load_access` does.
    """
    access = load_access(console.settings, console.categories) if access is None else access
    audit = Audit()
    app = Starlette(
        routes=[
            Route("/", lambda _: RedirectResponse("/desk", 302), name="home"),
            Route("/desk", desk, name="desk"),
            Route("/desk/rows", rows, name="desk_rows"),
            Route("/desk/next/{case}", next_case, name="next_case"),
            Route("/search", search, name="search"),
            Route("/search/places", found_places, name="found_places"),
            Route("/views", views, name="views"),
            Route("/views/{name}", view_by_name, name="view_by_name"),
            Route("/queues/{name}", queue_by_name, name="queue_by_name"),
            *_form("/save-view", save_view, "/views"),
            *_form("/delete-view", delete_view, "/views"),
            Route("/cases/{case}", case, name="case"),
            *_form("/cases/{case}/acts", act, "/cases/{case}"),
            *_form("/bulk", bulk, "/desk"),
            *_form("/bulk/confirmed", bulk_confirmed, "/desk"),
            Route("/clocks", clocks, name="clocks"),
            *_form("/clocks/{clock}/acts", act_on_clock, "/clocks"),
            Route("/requests", requests, name="requests"),
            Route("/requests/{id}", request, name="request"),
            *_form("/requests/{id}/acts", act_on_request, "/requests/{id}"),
            *_form("/undo", undo, "/desk"),
            Route("/became", became, name="became"),
            Route("/questions", questions, name="questions"),
            Route("/integrity", integrity, name="integrity"),
            *_form("/integrity/{case}/acts", act_on_integrity, "/integrity"),
            Route("/policies", policies, name="policies"),
            Route("/rules", rules, name="rules"),
            Route("/rules/{rule_set}", rule_set, name="rule_set"),
            *_form("/rules/{rule_set}/acts", act_on_rules, "/rules/{rule_set}"),
            Route("/transparency", transparency, name="transparency"),
            Route("/health", health, name="health"),
            Route("/figures", figures, name="figures"),
            Route("/figures.csv", figures_file, name="figures_file"),
            Route("/live", live, name="live"),
            Route("/work", work, name="work"),
            Mount("/static", StaticFiles(directory=_STATIC), name="static"),
            *_sign_in_routes(access, audit),
        ],
        middleware=_middleware(access, audit, person),
        exception_handlers={HTTPException: _framed(audit), BadFilter: _framed(audit)},
    )
    app.state.console = console
    return app


def _form(path: str, answer: Callable[[Request], Awaitable[Response]], page: str) -> Iterator[Route]:
    """Where a form is sent.

    A page that answers one stays at its address: who enters that again is led to `page`.
    """
    yield Route(path, answer, methods=["POST"])
    yield Route(path, lambda request: RedirectResponse(page.format_map(request.path_params), 303))


def _middleware(access: Access, audit: Audit, person: Callable[[], Person]) -> list[Middleware]:
    # The provider's answer comes by a link of its page, with which browsers send no strict cookie.
    strict = not isinstance(access.sign_in, OpenIDSignIn)
    # Browsers take a cookie of this prefix only from the very host, encrypted, and so from no other page of
    # its domain.
    cookie = "__Host-tocsin_console" if access.encrypted else "tocsin_console"
    return [
        Middleware(SecurityHeaders),
        Middleware(ErrorPages, audit=audit),
        Middleware(Arrivals, address=access.address, strict_cookie=cookie if strict else None),
        Middleware(BodyLimit),
        Middleware(
            SessionMiddleware,
            secret_key=access.session_secret,
            session_cookie=cookie,
            max_age=SESSION_SECONDS,
            same_site="strict" if strict else "lax",
            https_only=access.encrypted,
        ),
        Middleware(SignIn, access=access, local=person),
    ]


def _sign_in_routes(access: Access, audit: Audit) -> list[BaseRoute]:
    if isinstance(access.sign_in, NoSignIn):
        return [Route("/act-as", ActAs(access.people, audit).answer, methods=["GET", "POST"], name="act_as")]
    if not isinstance(access.sign_in, OpenIDSignIn):
        return []
    # Its library takes long to load, and only this kind of sign-in needs it.
    from streams.desk.console.web.security.openid import CALLBACK, OpenID  # noqa: PLC0415

    openid = OpenID(access.sign_in, access, audit)
    return [
        Route("/sign-in", openid.begin, name="sign_in"),
        Route(CALLBACK, openid.callback, name="sign_in_callback"),
        Route("/sign-out", openid.sign_out, methods=["POST"], name="sign_out"),
        Route("/signed-out", openid.signed_out, name="signed_out"),
    ]


def _framed(audit: Audit) -> Callable[[Request, Exception], Response]:
    def failed(request: Request, error: Exception) -> Response:
        if isinstance(error, BadFilter):
            error = HTTPException(400, str(error))
        assert isinstance(error, HTTPException)
        return error_page(request, error, audit)

    return failed
