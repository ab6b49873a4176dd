"""The HTTP server that takes Coop's callbacks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import structlog
from aiohttp import web
from aiokafka.errors import KafkaError
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from streams.desk.adapters.coop.decisions import Recorder, read_callback
from streams.desk.adapters.coop.settings import CoopSettings
from streams.desk.adapters.coop.signature import is_signed
from streams.running.operations.address_refused import refusal_explained
from streams.running.operations.http_address import http_address
from streams.running.worker.environment import COOP_PREFIX

logger = structlog.get_logger(__name__)

# The history of a report that thousands made comes with a decision.
_MOST_BYTES = 1024 * 1024


@asynccontextmanager
async def serve_callbacks(
    own: CoopSettings, keys: Sequence[RSAPublicKey], recorder: Recorder
) -> AsyncIterator[str]:
    """Take callbacks at any path. Yields the address. Raises AddressRefused if the port is taken.

    A callback is answered once its outcome is written; otherwise Coop sends it again.
    """

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        if not is_signed(keys, request.headers.get("Coop-Signature", ""), body):
            return web.Response(status=401, text="not signed with Coop's key\n")
        try:
            callback = read_callback(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return web.Response(status=400, text="not an action callback\n")
        try:
            await recorder.record(callback)
        except KafkaError as error:
            logger.warning("could not write a decision", error=type(error).__name__)
            return web.Response(status=503, text="try again\n")
        return web.Response(status=204)

    application = web.Application(client_max_size=_MOST_BYTES)
    application.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=2.0)
    await runner.setup()
    try:
        with refusal_explained(f"{COOP_PREFIX}CALLBACK_", own.callback_host, own.callback_port):
            await web.TCPSite(runner, own.callback_host, own.callback_port).start()
        host, port = runner.addresses[0][:2]
        yield http_address(host, port)
    finally:
        await runner.cleanup()
