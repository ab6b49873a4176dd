"""What every answer says to the browser, and who may ask."""

import secrets

from starlette.datastructures import FormData, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.console.web.error_pages import Refused
from streams.console.web.limits import MAX_FORM_BYTES, too_large

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
    """The form that a page of this session sent. Raises HTTPException for one of another site, or one too large."""
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
