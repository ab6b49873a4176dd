"""A WebSocket to one server, which is verified and never left, and whose messages are short texts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import aiohttp

from streams.running.clients.https.answer import Failed, answer_of
from streams.running.clients.https.http_client import Reach, guarded_session, why_unavailable

_CLOSE_SECONDS = 1.0


class Disconnected(Exception):
    """There is no connection, or none any more. `failed` says why, and quotes nothing of the server."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.why)
        self.failed = failed


class WebSocket:
    """Sends and receives texts."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        """Send a text. Raises Disconnected."""
        try:
            await self._socket.send_str(text)
        except (aiohttp.ClientError, OSError) as error:
            raise Disconnected(Failed("unavailable", why_unavailable(error))) from None

    async def receive(self) -> str:
        """The next text. Raises Disconnected, also for one that is too long."""
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            text: str = message.data
            return text
        if self._socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
            raise Disconnected(Failed("unavailable", "a message is longer than any may be"))
        raise Disconnected(Failed("unavailable", "the connection was closed"))


@asynccontextmanager
async def websocket(reach: Reach, address: str, most_bytes: int) -> AsyncIterator[WebSocket]:
    """Connect to a server whose messages have at most `most_bytes`. Raises Disconnected if that fails."""
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse)
    async with guarded_session(reach, 1, [trace]) as session:
        try:
            async with asyncio.timeout(reach.request_seconds):
                socket = await session.ws_connect(
                    address,
                    max_msg_size=most_bytes,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
                )
        except TimeoutError:
            raise Disconnected(Failed("unavailable", "no answer in time")) from None
        except aiohttp.WSServerHandshakeError as error:
            # Nothing but 101 opens one.
            meaning = answer_of(error.status, error.headers or {}, datetime.now(UTC))
            opened_nothing = Failed("unavailable", f"HTTP {error.status}")
            raise Disconnected(meaning if isinstance(meaning, Failed) else opened_nothing) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Disconnected(Failed("unavailable", why_unavailable(error))) from None
        async with socket:
            yield WebSocket(socket)


async def _refuse(
    _: aiohttp.ClientSession, __: SimpleNamespace, redirected: aiohttp.TraceRequestRedirectParams
) -> None:
    """Following a redirect would lead to a place that nobody configured; there is no parameter against it."""
    answer = redirected.response
    raise aiohttp.WSServerHandshakeError(answer.request_info, answer.history, status=answer.status)
