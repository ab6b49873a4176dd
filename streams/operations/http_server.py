"""The HTTP server of a worker: /metrics, /livez, /readyz and /status."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

# How long shutdown waits for a scrape in progress; a scrape takes milliseconds.
_SHUTDOWN_SECONDS = 1.0

Answer = Callable[[], web.Response]


@asynccontextmanager
async def serve(
    host: str,
    port: int,
    *,
    metrics: Callable[[], bytes],
    liveness: Callable[[], str],
    reason_not_ready: Callable[[], str | None],
    status: Callable[[], Mapping[str, Any]],
) -> AsyncIterator[str]:
    """Serve in the running event loop, so an answer proves that the loop is not blocked. Yields the address.

    Port 0 chooses a free port. Raises OSError if the port is in use or `host` is not an address of this machine.
    """
    application = web.Application()
    application.router.add_get("/metrics", _answers(lambda: _metrics(metrics())))
    application.router.add_get("/livez", _answers(lambda: web.Response(text=f"alive: {liveness()}\n")))
    application.router.add_get("/readyz", _answers(lambda: _ready(reason_not_ready())))
    application.router.add_get("/status", _answers(lambda: _json(status())))
    runner = web.AppRunner(
        application, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{bound}"
    finally:
        await runner.cleanup()


def _answers(answer: Answer) -> Callable[[web.Request], Any]:
    async def handler(_request: web.Request) -> web.Response:
        response = answer()
        # A probe must never be answered from a cache.
        response.headers["Cache-Control"] = "no-store"
        return response

    return handler


def _metrics(text: bytes) -> web.Response:
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


def _ready(reason_against: str | None) -> web.Response:
    if reason_against is None:
        return web.Response(text="ready\n")
    return web.Response(status=503, text=f"not ready: {reason_against}\n")


def _json(document: Mapping[str, Any]) -> web.Response:
    body = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return web.Response(body=body, content_type="application/json")
