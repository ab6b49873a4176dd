"""HTTPS requests to one receiver, which verify it and never leave it."""

import os
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

import aiohttp
from yarl import URL

from streams import __version__
from streams.running.clients.https.addresses import AddressNotAllowed, Network, guarded_sockets
from streams.running.clients.https.answer import Failed

# A page of a hundred events of Ozone has some 100 KB.
_MOST_BYTES = 4 * 1024 * 1024


class Reach(Protocol):
    """Where a program may connect, how it verifies who is there, and how long it waits."""

    @property
    def request_seconds(self) -> float:
        """How long a request may take."""

    def networks(self) -> Sequence[Network]:
        """The networks besides public ones."""

    def tls(self) -> ssl.SSLContext:
        """How to verify the server."""


class HttpAnswer(NamedTuple):
    """Status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Requests to the host of `base`, and to nobody else."""

    def __init__(self, session: aiohttp.ClientSession, base: URL) -> None:
        self._session = session
        self._base = base

    async def request(
        self, method: str, path: str = "", *, body: bytes | None = None, headers: Mapping[str, str]
    ) -> HttpAnswer | Failed:
        """Send a request to `base`, or to this path of its host. Redirects are not followed."""
        url = self._base.join(URL(path)) if path else self._base
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return HttpAnswer(answer.status, answer.headers, await _content(answer))
        except TimeoutError:
            return Failed("unavailable", "no answer in time")
        except (aiohttp.ClientError, ssl.SSLError, OSError) as error:
            return Failed("unavailable", why_unavailable(error))


@asynccontextmanager
async def http_client(reach: Reach, address: str, concurrent: int) -> AsyncIterator[HttpClient]:
    """A client for the server at an address, with at most `concurrent` connections."""
    async with guarded_session(reach, concurrent) as session:
        yield HttpClient(session, URL(address))


def guarded_session(
    reach: Reach, concurrent: int, traces: Sequence[aiohttp.TraceConfig] = ()
) -> aiohttp.ClientSession:
    """A session that verifies servers and connects to allowed networks alone."""
    connector = aiohttp.TCPConnector(
        ssl=reach.tls(), socket_factory=guarded_sockets(reach.networks()), limit=concurrent
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=reach.request_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        # Unpacking would make megabytes of a few bytes.
        auto_decompress=False,
        headers={"User-Agent": f"tocsin/{__version__}", "Accept-Encoding": "identity"},
        trace_configs=list(traces),
    )


async def _content(answer: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_chunked(64 * 1024):
        size += len(part)
        if size > _MOST_BYTES:
            raise aiohttp.ClientPayloadError
        parts.append(part)
    return b"".join(parts)


def why_unavailable(error: BaseException) -> str:
    """A reason for logs. The texts of other errors may quote what the receiver said."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AddressNotAllowed):
            return str(cause)
        # The error of aiohttp is one of these too, and lacks the message.
        if isinstance(cause, ssl.SSLCertVerificationError) and hasattr(cause, "verify_message"):
            return f"its certificate cannot be verified: {cause.verify_message}"
        cause = cause.__cause__
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name cannot be resolved"
    if isinstance(error, OSError) and error.errno:
        return f"no connection: {os.strerror(error.errno)}"
    return type(error).__name__
