"""Requests to Ozone, through the server that has the adapter's account."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec

from streams.running.clients.https.answer import Accepted, Failed, answer_of
from streams.running.clients.https.http_client import HttpClient

Shape = TypeVar("Shape")

_CANNOT_SIGN_IN = "the account cannot sign in"

# How long no sign-in is tried after one was refused. Servers allow 300 a day and lock out who tries more
# often, and events of many channels would each try.
_SIGN_IN_SECONDS = 300.0

# A server answers so once the token of a session is two hours old.
_EXPIRED = ("ExpiredToken", "InvalidToken")


class Account(NamedTuple):
    """The adapter's account, and the moderation service that it works for."""

    identifier: str
    password: str
    service: str


class NamedError(NamedTuple):
    """An error that the lexicon of a method names."""

    name: str


class _Session(msgspec.Struct, rename="camel"):
    did: str
    access_jwt: str


class _Error(msgspec.Struct):
    error: str = ""


class Xrpc:
    """Calls methods of the lexicon, signed in as the account."""

    def __init__(self, client: HttpClient, account: Account) -> None:
        self._client = client
        self._account = account
        self._session: _Session | None = None
        self._signing_in = asyncio.Lock()
        self._refused_until = 0.0

    async def did(self) -> str | Failed:
        """The account's DID."""
        session = await self._signed_in(None)
        return session if isinstance(session, Failed) else session.did

    async def query(
        self, method: str, shape: type[Shape], parameters: Sequence[tuple[str, str]]
    ) -> Shape | NamedError | Failed:
        """Ask for something."""
        return await self._call("GET", f"/xrpc/{method}?{urlencode(parameters)}", None, shape)

    async def procedure(self, method: str, body: msgspec.Struct) -> Accepted | NamedError | Failed:
        """Have something done."""
        done = await self._call("POST", f"/xrpc/{method}", msgspec.json.encode(body), dict)
        return done if isinstance(done, NamedError | Failed) else Accepted()

    async def _call(
        self, verb: str, path: str, body: bytes | None, shape: type[Shape]
    ) -> Shape | NamedError | Failed:
        session = await self._signed_in(None)
        if isinstance(session, Failed):
            return session
        answer = await self._attempt(verb, path, body, session, shape)
        if isinstance(answer, NamedError) and answer.name in _EXPIRED:
            session = await self._signed_in(session)
            if isinstance(session, Failed):
                return session
            answer = await self._attempt(verb, path, body, session, shape)
        return answer

    async def _attempt(
        self, verb: str, path: str, body: bytes | None, session: _Session, shape: type[Shape]
    ) -> Shape | NamedError | Failed:
        headers = {
            "Authorization": f"Bearer {session.access_jwt}",
            "Atproto-Proxy": f"{self._account.service}#atproto_labeler",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        return await self._decoded(verb, path, body, headers, shape)

    async def _signed_in(self, expired: _Session | None) -> _Session | Failed:
        """The session, or a new one if there is none or it has expired."""
        async with self._signing_in:
            if monotonic() < self._refused_until:
                return Failed("refused", _CANNOT_SIGN_IN)
            if self._session is None or self._session is expired:
                answer = await self._decoded(
                    "POST",
                    "/xrpc/com.atproto.server.createSession",
                    msgspec.json.encode(
                        {"identifier": self._account.identifier, "password": self._account.password}
                    ),
                    {"Content-Type": "application/json"},
                    _Session,
                )
                if isinstance(answer, NamedError):
                    self._refused_until = monotonic() + _SIGN_IN_SECONDS
                    return Failed("refused", _CANNOT_SIGN_IN)
                if isinstance(answer, Failed):
                    return answer
                self._session = answer
            return self._session

    async def _decoded(
        self, verb: str, path: str, body: bytes | None, headers: dict[str, str], shape: type[Shape]
    ) -> Shape | NamedError | Failed:
        answer = await self._client.request(verb, path, body=body, headers=headers)
        if isinstance(answer, Failed):
            return answer
        meaning = answer_of(answer.status, answer.headers, datetime.now(UTC))
        try:
            if isinstance(meaning, Accepted):
                return msgspec.json.decode(answer.body, type=shape)
            name = msgspec.json.decode(answer.body, type=_Error).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            return (
                Failed("unavailable", "its answer is not what the lexicon says")
                if isinstance(meaning, Accepted)
                else meaning
            )
        return NamedError(name) if meaning.failure == "refused" and name else meaning
