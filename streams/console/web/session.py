"""What a session remembers of who signed in. A session is a signed cookie; no process keeps it."""

from time import time
from typing import Final

from starlette.requests import Request

SESSION_SECONDS: Final = 12 * 3600
"""A shift. Then a person signs in again."""


def begin_session(request: Request, subject: str) -> None:
    """Begin a session. Nothing of the one before stays in it: somebody else may have begun that one."""
    request.session.clear()
    request.session.update(subject=subject, at=int(time()))


def signed_in_subject(request: Request) -> str | None:
    """The subject that signed in with this session; None if nobody did, or too long ago."""
    subject: str | None = request.session.get("subject")
    # The cookie's own time is that of its last change, which is not always that of signing in.
    return subject if time() - request.session.get("at", 0) < SESSION_SECONDS else None
