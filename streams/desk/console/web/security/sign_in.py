"""Who asks: nobody reaches a page before this is known. A session is a signed cookie; no process keeps it."""

import hmac
from collections.abc import Callable
from functools import partial
from time import time
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.desk.console.casework.permissions import Person
from streams.desk.console.people.access import Access, NoSignIn, ProxySignIn
from streams.desk.console.web.error_pages import Refused, no_access
from streams.desk.console.web.security.act_as import chosen_person
from streams.desk.console.web.security.limits import Limiter, too_fast

SESSION_SECONDS: Final = 12 * 3600
"""A shift. Then a person signs in again."""

PROXY_SECRET_HEADER: Final = "x-tocsin-proxy-secret"  # noqa: S105 - a name

# A person with a hundred cases in a list decides one in some seconds, and a bulk is one request. Faster is a
# program that uses somebody's session.
_ACTS: Final = 120
_ACTS_PER_SECOND: Final = 2.0

# What somebody may send who may only read.
_FOR_EVERYBODY: Final = ("/act-as", "/sign-out")

# Asked for by somebody who is not signed in yet, or any more.
_OPENID_PAGES: Final = ("/sign-in", "/sign-in/callback", "/signed-out")


class SignIn:
    """Finds out who asks, and lets nobody else through.

    `local` gives who works without sign-in and without a people file.
    """

    def __init__(self, app: ASGIApp, access: Access, local: Callable[[], Person]) -> None:
        self._app = app
        self._acts = Limiter(_ACTS, _ACTS_PER_SECOND)
        self._who: Callable[[Request], Person | None]
        self._open: tuple[str, ...]
        self._asks: str | None
        if isinstance(access.sign_in, NoSignIn):
            self._who = lambda request: chosen_person(request, access.people, local())
            self._open, self._asks = ("/act-as",), "/act-as"
        elif isinstance(access.sign_in, ProxySignIn):
            sign_in = access.sign_in
            self._who = lambda request: _listed(access, _subject_of_proxy(request.headers, sign_in))
            self._open, self._asks = (), None
        else:
            self._who = lambda request: _signed_in(access, request)
            self._open, self._asks = _OPENID_PAGES, "/sign-in"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with who asks.

        Raises HTTPException for nobody, or for what this person may not do.
        """
        if scope["type"] != "http":
            # No page uses anything else, and what follows would not know who asks.
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        path, reads = scope["path"], scope["method"] in ("GET", "HEAD")
        if path.startswith("/static/") or path in self._open:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        person = self._who(request)
        if person is None:
            if self._asks is None or not reads or not _shows_a_page(request):
                raise Refused(401, "not_signed_in", "Sign in, and load the page again.")
            there = quote(f"{path}?{request.url.query}" if request.url.query else path, safe="")
            await RedirectResponse(f"{self._asks}?next={there}", 303)(scope, receive, send)
            return
        request.state.person, request.state.who = person, partial(self._who, request)
        if not reads:
            self._check_act(person, path)
        await self._app(scope, receive, send)

    def _check_act(self, person: Person, path: str) -> None:
        if path not in _FOR_EVERYBODY and person.role == "read_only":
            raise Refused(403, "read_only", "Your role may only read.")
        wait = self._acts.take(person.ref)
        if wait > 0:
            raise too_fast(wait)


def _shows_a_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _listed(access: Access, subject: str) -> Person:
    assert access.people is not None
    person = access.people.now().of_subject(subject)
    if person is None:
        raise no_access()
    return person


def _signed_in(access: Access, request: Request) -> Person | None:
    subject = signed_in_subject(request)
    return None if subject is None else _listed(access, subject)


def _subject_of_proxy(headers: Headers, sign_in: ProxySignIn) -> str:
    # Each exactly once: a proxy that adds its header, instead of replacing it, would let browsers say who
    # they are.
    secrets, subjects = headers.getlist(PROXY_SECRET_HEADER), headers.getlist(sign_in.header)
    if len(secrets) != 1 or not hmac.compare_digest(
        secrets[0].encode("latin-1"), sign_in.secret.encode("ascii")
    ):
        raise Refused(
            403, "not_from_proxy", "This console answers only requests that come through its proxy."
        )
    if len(subjects) != 1 or not subjects[0]:
        raise Refused(401, "no_subject", f"The proxy must say in one {sign_in.header} header who signed in.")
    # Servers hand headers on as Latin-1, proxies send names in UTF-8.
    return subjects[0].encode("latin-1").decode("utf-8", "replace")


def begin_session(request: Request, subject: str) -> None:
    """Begin a session. Nothing of the one before stays in it: somebody else may have begun that one."""
    request.session.clear()
    request.session.update(subject=subject, at=int(time()))


def signed_in_subject(request: Request) -> str | None:
    """The subject that signed in with this session; None if nobody did, or too long ago."""
    subject: str | None = request.session.get("subject")
    # The cookie's own time is that of its last change, which is not always that of signing in.
    return subject if time() - request.session.get("at", 0) < SESSION_SECONDS else None
