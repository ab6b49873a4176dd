"""A Nostr relay as NIP-01 describes one, and events that their authors have signed.

It verifies nothing: a test may put anything into `events`.
"""

import asyncio
import hashlib
import ssl
import threading
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web
from coincurve import PrivateKey, PublicKeyXOnly

SELLER = hashlib.sha256(b"seller").hexdigest()
NOTE = hashlib.sha256(b"note").hexdigest()


def key_of(author: int) -> str:
    """The public key of an author."""
    return PublicKeyXOnly.from_secret(_secret(author)).format().hex()


def signed(
    author: int, created_at: int, tags: Any = None, *, kind: int = 1984, content: str = ""
) -> dict[str, Any]:
    """An event of an author."""
    tags = [["e", NOTE, "spam"], ["p", SELLER, "spam"]] if tags is None else tags
    pubkey = key_of(author)
    digest = hashlib.sha256(orjson.dumps([0, pubkey, created_at, kind, tags, content])).digest()
    return {
        "id": digest.hex(), "pubkey": pubkey, "created_at": created_at, "kind": kind, "tags": tags,
        "content": content, "sig": PrivateKey(_secret(author)).sign_schnorr(digest).hex(),
    }  # fmt: skip


def _secret(author: int) -> bytes:
    return hashlib.sha256(f"author {author}".encode()).digest()


class NostrRelay:
    """Listens while it is entered. `most` is how many events it gives at once; `filters` has what was asked."""

    def __init__(self, most: int = 500, tls: ssl.SSLContext | None = None) -> None:
        self.events: list[Any] = []
        self.most = most
        self.filters: list[dict[str, Any]] = []
        self.answer: Callable[[web.WebSocketResponse, str, dict[str, Any]], Any] = self.honest
        self.refusal: web.Response | None = None
        self.address = ""
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._serve(),), daemon=True
        )

    def __enter__(self) -> "NostrRelay":
        self._thread.start()
        assert self._started.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._loop.close()

    def of(self, wanted: dict[str, Any]) -> list[Any]:
        """The events that a filter wants, newest first."""
        fit = [
            event
            for event in list(self.events)
            if event["kind"] in wanted["kinds"] and wanted["since"] <= event["created_at"] <= wanted["until"]
        ]
        fit.sort(key=lambda event: (-event["created_at"], event["id"]))
        return fit[: min(self.most, wanted["limit"])]

    async def honest(self, socket: web.WebSocketResponse, name: str, wanted: dict[str, Any]) -> None:
        for event in self.of(wanted):
            await socket.send_bytes(b"") if event is None else await send(socket, "EVENT", name, event)
        await send(socket, "EOSE", name)

    async def _serve(self) -> None:
        runner = web.ServerRunner(web.Server(self._connected), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        port = runner.addresses[0][1]
        self.address = f"ws://127.0.0.1:{port}" if self._tls is None else f"wss://localhost:{port}"
        self._started.set()
        await self._ended.wait()
        await runner.cleanup()

    async def _connected(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.refusal is not None:
            return web.Response(status=self.refusal.status, headers=dict(self.refusal.headers))
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await send(socket, "NOTICE", "welcome, alice@example.org")
        async for message in socket:
            match orjson.loads(message.data):
                case ["REQ", name, wanted]:
                    self.filters.append(wanted)
                    await self.answer(socket, name, wanted)
                case ["CLOSE", _]:
                    pass
                case other:
                    raise AssertionError(other)
        return socket


async def send(socket: web.WebSocketResponse, *message: Any) -> None:
    """Send a message of the protocol."""
    await socket.send_str(orjson.dumps(message).decode())
