"""Runs the adapter for Ozone: reports out, decisions in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

from streams.contract.events.report import Category
from streams.contract.wire.topics import ESCALATIONS
from streams.desk.adapters.deliveries import CONCURRENT
from streams.desk.adapters.metrics import AdapterMetrics
from streams.desk.adapters.outcomes import Outcomes
from streams.desk.adapters.ozone.decisions import Decisions
from streams.desk.adapters.ozone.mapping import Mapping
from streams.desk.adapters.ozone.reporting import Reporting
from streams.desk.adapters.ozone.settings import OzoneSettings
from streams.desk.adapters.run import deliver, deliver_set_aside
from streams.desk.adapters.verdict import check_categories, check_verdicts, load_mapping
from streams.running.clients.https.http_client import http_client
from streams.running.clients.https.xrpc import Account, Xrpc
from streams.running.clients.pseudonym import LEAST_CHARACTERS
from streams.running.clients.rules_in_force import (
    RulesInForce,
    catch_up,
    configured_categories_in_force,
)
from streams.running.worker.environment import OZONE_PREFIX, needed, needed_secret
from streams.running.worker.settings import Settings

_MAPPING = f"{OZONE_PREFIX}MAPPING_FILE"


async def run_ozone(settings: Settings, own: OzoneSettings) -> None:
    """Report escalations and publish decisions until SIGTERM or SIGINT.

    Raises SettingsError, and as `deliver` does.
    """
    service = needed(own, "service")
    key = needed_secret(own, "reviewer_key", LEAST_CHARACTERS).encode()
    mapping = load_mapping(_MAPPING, own.mapping_file, Mapping)
    rules = configured_categories_in_force(settings)
    await catch_up(settings, rules)
    categories = rules.now.categories
    check_verdicts(_MAPPING, own.mapping_file, [row.verdict for row in mapping.decisions], categories)
    named = [category for row in mapping.decisions for category in row.categories]
    check_categories(_MAPPING, own.mapping_file, named, categories)
    async with _xrpc(own) as xrpc:

        async def receive(producer: AIOKafkaProducer, metrics: AdapterMetrics) -> None:
            outcomes = Outcomes(settings, producer, own.name)
            await Decisions(xrpc, mapping, outcomes, metrics, service, key).run(own.poll_seconds)

        await deliver(
            settings, own, [ESCALATIONS], lambda _: True, _reporting(rules, own, xrpc).send, receive, rules
        )


async def resend_ozone(settings: Settings, own: OzoneSettings) -> tuple[int, int]:
    """Send once more what was set aside; return how many were taken, and how many not.

    Raises as `run_ozone` does.
    """
    rules = configured_categories_in_force(settings)
    await catch_up(settings, rules)
    async with _xrpc(own) as xrpc:
        return await deliver_set_aside(settings, own, _reporting(rules, own, xrpc).send)


def _reporting(rules: RulesInForce, own: OzoneSettings, xrpc: Xrpc) -> Reporting:
    def reason(category: Category) -> str:
        row = rules.now.categories.get(category)
        # A worker that has other files, or has changed to a newer set already, may name one of its own.
        return "Other" if row is None else row.ozone_reason

    return Reporting(xrpc, needed(own, "subject"), reason)


@asynccontextmanager
async def _xrpc(own: OzoneSettings) -> AsyncIterator[Xrpc]:
    account = Account(needed(own, "identifier"), needed_secret(own, "password"), needed(own, "service"))
    async with http_client(own, needed(own, "address"), CONCURRENT) as client:
        yield Xrpc(client, account)
