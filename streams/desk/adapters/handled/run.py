"""Runs the adapter that marks reports as handled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.contract.wire.topics import REPORTER_NOTICES
from streams.desk.adapters.deliveries import CONCURRENT
from streams.desk.adapters.handled.handling import Handling, is_wanted
from streams.desk.adapters.handled.settings import HandledSettings
from streams.desk.adapters.run import deliver, deliver_set_aside
from streams.running.clients.https.http_client import http_client
from streams.running.worker.environment import needed, needed_secret
from streams.running.worker.settings import Settings


async def run_handled(settings: Settings, own: HandledSettings) -> None:
    """Mark reports as handled until SIGTERM or SIGINT. Raises SettingsError, and as `deliver` does."""
    ce_source, own = needed(own, "ce_source"), own.of_source()
    async with _handling(own) as handling:
        await deliver(
            settings, own, [REPORTER_NOTICES], lambda record: is_wanted(record, ce_source), handling.send
        )


async def resend_handled(settings: Settings, own: HandledSettings) -> tuple[int, int]:
    """Try once more what was set aside; return how many were taken, and how many not.

    Raises as `run_handled` does.
    """
    own = own.of_source()
    async with _handling(own) as handling:
        return await deliver_set_aside(settings, own, handling.send)


@asynccontextmanager
async def _handling(own: HandledSettings) -> AsyncIterator[Handling]:
    needed(own, "service")
    assert own.service is not None
    token = needed_secret(own, "token")
    async with http_client(own, needed(own, "address"), CONCURRENT) as client:
        yield Handling(client, token, own.service)
