"""Runs the webhook."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.desk.adapters.deliveries import CONCURRENT
from streams.desk.adapters.run import deliver, deliver_set_aside
from streams.desk.adapters.webhook.settings import WebhookSettings
from streams.desk.adapters.webhook.webhook import Webhook, is_wanted, signing_keys, topics_of
from streams.running.clients.https.http_client import http_client
from streams.running.worker.environment import needed
from streams.running.worker.settings import Settings


async def run_webhook(settings: Settings, own: WebhookSettings) -> None:
    """Send events until SIGTERM or SIGINT. Raises SettingsError, and as `deliver` does."""
    contents, own = own.contents(), own.of_publisher()
    async with _webhook(own) as webhook:
        await deliver(
            settings,
            own,
            topics_of(contents),
            lambda record: is_wanted(record, contents, own.publisher),
            webhook.send,
        )


async def resend_webhook(settings: Settings, own: WebhookSettings) -> tuple[int, int]:
    """Send once more what was set aside; return how many were taken, and how many not.

    Raises as `run_webhook` does.
    """
    own = own.of_publisher()
    async with _webhook(own) as webhook:
        return await deliver_set_aside(settings, own, webhook.send)


@asynccontextmanager
async def _webhook(own: WebhookSettings) -> AsyncIterator[Webhook]:
    keys = signing_keys(own)
    async with http_client(own, needed(own, "address"), CONCURRENT) as client:
        yield Webhook(client, keys)
