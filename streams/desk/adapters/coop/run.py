"""Runs the adapter for Coop: reports out, decisions in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from aiokafka import AIOKafkaProducer

from streams.contract.wire.topics import ESCALATIONS
from streams.desk.adapters.coop.callbacks import serve_callbacks
from streams.desk.adapters.coop.decisions import Recorder
from streams.desk.adapters.coop.mapping import Mapping
from streams.desk.adapters.coop.reporting import Reporting
from streams.desk.adapters.coop.settings import CoopSettings
from streams.desk.adapters.coop.signature import load_public_keys
from streams.desk.adapters.deliveries import CONCURRENT
from streams.desk.adapters.metrics import AdapterMetrics
from streams.desk.adapters.outcomes import Outcomes
from streams.desk.adapters.run import deliver, deliver_set_aside
from streams.desk.adapters.verdict import check_categories, check_verdicts, load_mapping
from streams.running.clients.https.http_client import http_client
from streams.running.clients.pseudonym import LEAST_CHARACTERS
from streams.running.clients.rules_in_force import (
    RulesInForce,
    catch_up,
    configured_categories_in_force,
)
from streams.running.worker.environment import COOP_PREFIX, needed, needed_secret
from streams.running.worker.settings import Settings

logger = structlog.get_logger(__name__)

_MAPPING = f"{COOP_PREFIX}MAPPING_FILE"


async def run_coop(settings: Settings, own: CoopSettings) -> None:
    """Report escalations and publish decisions until SIGTERM or SIGINT.

    Raises SettingsError, and as `deliver` does.
    """
    rules = configured_categories_in_force(settings)
    mapping = await _mapping(settings, own, rules)
    keys = load_public_keys(Path(needed(own, "public_key_file")))
    reviewer_key = needed_secret(own, "reviewer_key", LEAST_CHARACTERS).encode()

    async def receive(producer: AIOKafkaProducer, metrics: AdapterMetrics) -> None:
        recorder = Recorder(mapping, Outcomes(settings, producer, own.name), metrics, reviewer_key)
        await recorder.load()
        async with serve_callbacks(own, keys, recorder) as address:
            logger.info("taking callbacks of Coop", at=address)
            await asyncio.Event().wait()

    async with _reporting(own, mapping) as reporting:
        await deliver(settings, own, [ESCALATIONS], lambda _: True, reporting.send, receive, rules)


async def resend_coop(settings: Settings, own: CoopSettings) -> tuple[int, int]:
    """Send once more what was set aside; return how many were taken, and how many not.

    Raises as `run_coop` does.
    """
    mapping = await _mapping(settings, own, configured_categories_in_force(settings))
    async with _reporting(own, mapping) as reporting:
        return await deliver_set_aside(settings, own, reporting.send)


async def _mapping(settings: Settings, own: CoopSettings, rules: RulesInForce) -> Mapping:
    mapping = load_mapping(_MAPPING, own.mapping_file, Mapping)
    await catch_up(settings, rules)
    categories = rules.now.categories
    check_verdicts(_MAPPING, own.mapping_file, [row.verdict for row in mapping.decisions], categories)
    check_categories(_MAPPING, own.mapping_file, mapping.policies, categories)
    return mapping


@asynccontextmanager
async def _reporting(own: CoopSettings, mapping: Mapping) -> AsyncIterator[Reporting]:
    api_key = needed_secret(own, "api_key")
    async with http_client(own, needed(own, "address"), CONCURRENT) as client:
        yield Reporting(client, api_key, mapping)
