"""The HTTP server of each process for operators: /metrics, /livez, /readyz and /status."""

import asyncio
import ipaddress
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import orjson
from aiohttp import web
from aiohttp.http import HttpProcessingError
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from streams.running.operations.address_refused import refusal_explained
from streams.running.operations.http_address import http_address

# How long shutdown waits for a scrape in progress; a scrape takes milliseconds.
_SHUTDOWN_SECONDS = 1.0

# How long a request may take to arrive, and a connection may wait for its next request. Prometheus and probes
# send theirs at once. Scrapes that are further apart open a new connection, which costs a millisecond.
REQUEST_SECONDS = 10.0

# A handful of scrapers and probes use a connection each. Beyond this number the oldest one is closed rather
# than the newest refused: an answer takes milliseconds, so what is still open after 64 newer ones is no
# scrape.
MAX_CONNECTIONS = 64

# The longest path is /metrics, and probes send a handful of headers. The rest is room for what proxies add.
_MAX_LINE_BYTES = 1024
_MAX_HEADER_BYTES = 4096
_MAX_HEADERS = 64

# How long to read the body of a request after its answer; no request of ours has one.
_BODY_SECONDS = 1.0

# A port scanner sends thousands of malformed requests. One line a minute tells an operator as much as all of
# them.
MALFORMED_SECONDS = 60.0

Answer = Callable[[], web.Response]


@asynccontextmanager
async def serve(
    host: str,
    port: int,
    *,
    prefix: str,
    metrics: Callable[[], bytes] | None,
    liveness: Callable[[], str],
    reason_not_ready: Callable[[], str | None],
    status: Callable[[], Mapping[str, Any]],
    page: Callable[[], str] | None = None,
) -> AsyncIterator[str]:
    """Serve in the running event loop, so an answer proves that the loop is not blocked. Yields the address.

    Without `metrics` there is no /metrics; `page` is HTML for people, at /. Port 0 chooses a free port.
    `prefix` begins the names of the settings of the address. A request that came over loopback is answered
    only if it asks for an address, for `host` or for a name without a dot. Raises AddressRefused if the port
    is in use or `host` is not an address of this machine.
    """
    answers: dict[str, Answer] = {
        "/livez": lambda: web.Response(text=f"alive: {liveness()}\n"),
        "/readyz": lambda: _ready(reason_not_ready()),
        "/status": lambda: _json(status()),
    }
    if metrics is not None:
        answers["/metrics"] = lambda: _metrics(metrics())
    if page is not None:
        answers["/"] = lambda: web.Response(text=page(), content_type="text/html")

    async def handle(request: web.BaseRequest) -> web.Response:
        if not _is_for_us(request, host):
            return web.Response(status=421, text=f"this is {host}, and not the name in the address\n")
        return _answer(request, answers)

    server = BoundedServer(
        handle,
        most_connections=MAX_CONNECTIONS,
        access_log=None,
        logger=request_logger(),
        keepalive_timeout=REQUEST_SECONDS,
        lingering_time=_BODY_SECONDS,
        max_line_size=_MAX_LINE_BYTES,
        max_field_size=_MAX_HEADER_BYTES,
        max_headers=_MAX_HEADERS,
        auto_decompress=False,
    )
    runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        with refusal_explained(prefix, host, port):
            await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0][1]
        yield http_address(host, bound)
    finally:
        await runner.cleanup()


class BoundedServer(web.Server):
    """Keeps `most_connections` at most; aiohttp limits only how long a request takes."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        most_connections: int,
        client_max_size: int = 1024**2,
        **options: Any,
    ) -> None:
        """Make a server of `handler`. A body may have `client_max_size` bytes; `options` are aiohttp's."""

        def request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
            loop = asyncio.get_running_loop()
            return web.BaseRequest(
                message, payload, protocol, writer, task, loop, client_max_size=client_max_size
            )

        super().__init__(handler, request_factory=request, **options)
        self._most_connections = most_connections

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Called by each new connection. Aborts the oldest ones beyond the limit."""
        super().connection_made(handler, transport)
        # In the order of their opening. A closed one stays in this list until its task has ended.
        open_ones = [
            found
            for connection in self.connections
            if (found := connection.transport) is not None and not found.is_closing()
        ]
        for oldest in open_ones[: -self._most_connections]:
            # Not close(): that would wait until the other side has read an answer.
            oldest.abort()


class _WithoutMalformedRequests(logging.Filter):
    """Replaces the traceback of a malformed request by one line per MALFORMED_SECONDS.

    Errors of ours keep theirs.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._logged_at = monotonic() - MALFORMED_SECONDS
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        now = self._monotonic()
        if now < self._logged_at + MALFORMED_SECONDS:
            self._left_out += 1
            return False
        # The error's message quotes the request, so only its type is logged.
        record.msg, record.args = (
            "malformed HTTP request from %s (%s); %d more since the last such line",
            (*(record.args or ()), type(error).__name__, self._left_out),
        )
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.exc_info = record.exc_text = None
        self._logged_at, self._left_out = now, 0
        return True


def request_logger() -> logging.Logger:
    """A logger for a server: malformed requests, which scanners send by the thousand, get a line a minute."""
    logger = logging.getLogger(__name__).getChild("requests")
    logger.filters[:] = [_WithoutMalformedRequests()]
    return logger


def _is_for_us(request: web.BaseRequest, host: str) -> bool:
    """Whether no web page has sent a request by a name of its own that it made point to this machine.

    Such a page (DNS rebinding) would read what only this machine may. Its name is a public one, with a dot.
    """
    transport = request.transport
    reached = None if transport is None else transport.get_extra_info("sockname")
    if reached is not None and not ipaddress.ip_address(reached[0]).is_loopback:
        # Who reaches another address needs no such trick, and Prometheus may have any name for it.
        return True
    try:
        asked = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
        return "." not in asked or asked == host.lower() or bool(ipaddress.ip_address(asked))
    except ValueError:
        return False


def _answer(request: web.BaseRequest, answers: Mapping[str, Answer]) -> web.Response:
    answer = answers.get(request.path)
    if answer is None:
        return web.Response(status=404, text="not found\n")
    if request.method not in ("GET", "HEAD"):
        return web.Response(status=405, text="only GET and HEAD\n", headers={"Allow": "GET, HEAD"})
    response = answer()
    # A probe must never be answered from a cache.
    response.headers["Cache-Control"] = "no-store"
    return response


def _metrics(text: bytes) -> web.Response:
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


def _ready(reason_against: str | None) -> web.Response:
    if reason_against is None:
        return web.Response(text="ready\n")
    return web.Response(status=503, text=f"not ready: {reason_against}\n")


def _json(document: Mapping[str, Any]) -> web.Response:
    body = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return web.Response(body=body, content_type="application/json")
