"""Keeps other sites out: what answers tell the browser, and which requests and forms are let through."""

import secrets
from urllib.parse import urlsplit

from starlette.datastructures import FormData, Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.desk.console.web.error_pages import Refused
from streams.desk.console.web.security.limits import MAX_FORM_BYTES, too_large
from streams.running.clients.https.addresses import is_this_machine

# Everything comes from the console itself: no script, style, font or picture of others, nothing inline.
_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

_MAX_FIELDS = 600


class SecurityHeaders:
    """Adds the headers that keep other sites out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add the headers to its answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = _POLICY
                headers["X-Content-Type-Options"] = "nosniff"
                # Not no-referrer: with that, browsers do not say from which site a form comes.
                headers["Referrer-Policy"] = "same-origin"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
                # A page shows what its reader may see, and no cache may show it to somebody else.
                if not scope["path"].startswith("/static/"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


async def checked_form(request: Request) -> FormData:
    """The form that a page of this session sent.

    Raises HTTPException for one of another site, or one too large.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_FORM_BYTES:
        raise too_large()
    form = await request.form(max_files=0, max_fields=_MAX_FIELDS)
    token, sent = request.session.get("token"), form.get("token")
    if (
        token is None
        or not isinstance(sent, str)
        or not secrets.compare_digest(sent.encode(), token.encode())
    ):
        raise Refused(403, "wrong_form_token", "This form is not of your session. Load the page again.")
    return form


_READING = ("GET", "HEAD")

_ONCE_MORE = """<!doctype html>
<html lang="en"><title>Tocsin</title><p><a href="">Continue to the console</a></p></html>
"""


class Arrivals:
    """Lets requests through that were sent to this console, and forms that its own pages sent."""

    def __init__(self, app: ASGIApp, address: str | None, strict_cookie: str | None) -> None:
        self._app = app
        self._address = None if address is None else urlsplit(address)
        self._strict_cookie = strict_cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises Refused if it was not meant for this console, or is a form of another site.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise Refused(
                421,
                "wrong_host",
                "This console does not answer to the name in the address. TOCSIN_CONSOLE_ADDRESS is the one "
                "to which it does; a proxy in front must pass the Host header on.",
            )
        if scope["method"] not in _READING:
            self._check_origin(headers, host)
        elif self._lacks_its_cookie(headers):
            # The browser keeps a strict cookie to itself when a link on another site leads here. A second
            # request, of a page of our own, has it. Without this, following a link would begin a new session
            # and end the one in use.
            await HTMLResponse(_ONCE_MORE, headers={"Refresh": "0"})(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        # A site that makes its own name point to this machine (DNS rebinding) sends that name.
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if self._address is not None:
            return name == self._address.hostname
        return is_this_machine(name)

    def _check_origin(self, headers: Headers, host: str) -> None:
        # Browsers send at least one of the two with a form. What sends neither is no browser, and has no
        # session to abuse.
        ours = (
            f"http://{host}" if self._address is None else f"{self._address.scheme}://{self._address.netloc}"
        )
        origin = headers.get("origin", ours)
        if headers.get("sec-fetch-site", "same-origin") != "same-origin" or origin.lower() != ours.lower():
            raise Refused(
                403, "other_site", "This form was sent by a page of another site. Nothing was done."
            )

    def _lacks_its_cookie(self, headers: Headers) -> bool:
        return (
            self._strict_cookie is not None
            and headers.get("sec-fetch-site") == "cross-site"
            and headers.get("sec-fetch-mode") == "navigate"
            and f"{self._strict_cookie}=" not in headers.get("cookie", "")
        )
