"""Who asks: sign-in, before any page."""

from starlette.types import ASGIApp, Receive, Scope, Send

from streams.console.casework.permissions import Person


class LocalSignIn:
    """Everybody who reaches a console without sign-in is the same person. It serves on loopback only."""

    def __init__(self, app: ASGIApp, person: Person) -> None:
        self._app = app
        self._person = person

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with who asks."""
        if scope["type"] == "http":
            scope.setdefault("state", {})["person"] = self._person
        await self._app(scope, receive, send)
