"""What somebody sees instead of a page: what is wrong, and a way back."""

import secrets
from collections.abc import Mapping
from typing import Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.desk.console.casework.permissions import Person
from streams.desk.console.web.context import TEMPLATES, page
from streams.desk.console.web.security.audit import Audit

logger = structlog.get_logger(__name__)

_HEADINGS: Final[Mapping[int, str]] = {
    400: "This address says something it cannot say",
    401: "You are not signed in",
    403: "You may not do this",
    404: "There is nothing here",
    405: "This cannot be done here",
    413: "This is too large",
    421: "This is not the console's address",
    429: "Too fast",
    500: "Something went wrong",
    503: "Not at the moment",
}

# What tells an operator that somebody tries what they may not.
_LOGGED: Final[Mapping[int, str]] = {
    401: "not_signed_in",
    403: "not_allowed",
    413: "too_large",
    429: "too_fast",
}


class Refused(HTTPException):
    """A refusal; the log names `reason`."""

    def __init__(self, status_code: int, reason: str, detail: str) -> None:
        super().__init__(status_code, detail)
        self.reason = reason


def no_access() -> Refused:
    """The refusal of somebody who signed in but is not in the people file."""
    return Refused(
        403,
        "not_in_people_file",
        "You are signed in, but the people file of this console does not list you. Ask those who run it to "
        "add you.",
    )


class ErrorPages:
    """Answers with a page if something fails before a page of the application is reached, or within one."""

    def __init__(self, app: ASGIApp, audit: Audit) -> None:
        self._app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and answer it if it fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except ClientDisconnect:
            # Nobody is there to read an answer.
            return
        except HTTPException as error:
            if begun:
                raise
            await self._answer(scope, receive, send, error)
        except Exception:
            number = secrets.token_hex(4)
            logger.exception("a page failed", number=number)
            if not begun:
                said = f"The console could not make this page. Its log has more, under number {number}."
                await self._answer(scope, receive, send, HTTPException(500, said))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, error: HTTPException) -> None:
        # Without the frame: its forms need a session, which may not be there, or not be saved any more.
        await error_page(Request(scope), error, self._audit, framed=False)(scope, receive, send)


def error_page(request: Request, error: HTTPException, audit: Audit, *, framed: bool = True) -> Response:
    """The page for an error; `framed` has the frame of the other pages if somebody is signed in."""
    person: Person | None = getattr(request.state, "person", None)
    status = error.status_code
    reason = error.reason if isinstance(error, Refused) else _LOGGED.get(status)
    if reason is not None:
        audit.refused(reason, person)
    framed = framed and person is not None
    context = {
        "frame": "frame.html" if framed else "plain.html",
        "nav": "",
        "heading": _HEADINGS.get(status, f"Error {status}"),
        "detail": error.detail,
        "knows_you": person is not None,
    }
    if framed:
        response = page(request, "error.html", context, status)
    else:
        response = TEMPLATES.TemplateResponse(request, "error.html", context, status_code=status)
    response.headers.update(error.headers or {})
    return response
