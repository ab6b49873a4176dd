"""Turns away requests that other sites make a browser send."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.console.people.access import is_loopback
from streams.console.web.error_pages import Refused

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
        """Pass a request on. Raises Refused if it was not meant for this console, or is a form of another site."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise Refused(
                421,
                "wrong_host",
                "This console does not answer to the name in the address. TOCSIN_CONSOLE_ADDRESS is the one to which it does; "
                "a proxy in front must pass the Host header on.",
            )
        if scope["method"] not in _READING:
            self._check_origin(headers, host)
        elif self._lacks_its_cookie(headers):
            # The browser keeps a strict cookie to itself when a link on another site leads here. A second request, of a
            # page of our own, has it. Without this, following a link would begin a new session and end the one in use.
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
        return name == "localhost" or is_loopback(name)

    def _check_origin(self, headers: Headers, host: str) -> None:
        # Browsers send at least one of the two with a form. What sends neither is no browser, and has no session to abuse.
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
