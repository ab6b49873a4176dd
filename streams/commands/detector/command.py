"""`tocsin detector`: end that a detector or list is held."""

import asyncio
from typing import NamedTuple

import click
import msgspec

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.kafka_group import workers_in_group
from streams.commands.shared.operator_options import require_pseudonym, require_reason, who_and_why
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.contract.events.integrity_case import DETECTOR_CASE_TYPE, DetectorCase
from streams.contract.events.internal.detector_end import DetectorEnd
from streams.contract.wire.envelope import CE_TYPE
from streams.contract.wire.forms.detector_end import encode_detector_end
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.topics import INTEGRITY_CASES, REPORTERS_INTERNAL
from streams.running.clients.kafka_reading import committed_records, partition_count
from streams.running.clients.kafka_writing import producer_for
from streams.running.identity import consumer_group
from streams.running.worker.settings import Settings, load_settings

_decode = msgspec.json.Decoder(DetectorCase).decode


class _Found(NamedTuple):
    key: bytes
    case: DetectorCase


@click.group(cls=SuggestingGroup)
def detector() -> None:
    """End that a detector or hash list is held because it left its usual band."""


@detector.command()
@click.argument("case_id")
@who_and_why
@click.option("--yes", is_flag=True, help="Do it; without it, nothing is written.")
def end(case_id: str, reason: str, actor: str, yes: bool) -> None:
    """Let the findings of the source that CASE_ID names count again.

    CASE_ID is the `case_id` of an event of type tocsin.detector-case.v1 in integrity-cases. What the source
    finds now is usual from then on, and no earlier dismissal is held against it; its trust stays. Workers
    must run: the owner of the source's partition applies the decision in the order of its log.
    """
    require_pseudonym(actor)
    require_reason(reason)
    settings = load_settings()
    with broker_errors_explained(settings):
        found = asyncio.run(_find(settings, case_id))
        if found is None:
            raise click.ClickException(
                f"no case {case_id} about a detector is in {INTEGRITY_CASES}, which keeps them for 90 days. "
                "Nothing was written."
            )
        echo(found.case.sentence)
        if not yes:
            echo("nothing was written; to end this, run the command again with --yes")
            return
        asyncio.run(_write(settings, found, DetectorEnd(found.case.part, case_id, reason, actor)))
    echo("written to the log; the worker of the source's partition applies it within a second")


async def _find(settings: Settings, case_id: str) -> _Found | None:
    header, wanted = (CE_TYPE, DETECTOR_CASE_TYPE.encode()), case_id.encode()
    async for record in committed_records(settings.connection(), settings.topic_prefix + INTEGRITY_CASES):
        value = record.value or b""
        if wanted in value and header in record.headers:
            case = _decode(value)
            if case.case_id == case_id:
                return _Found(record.key or b"", case)
    return None


async def _write(settings: Settings, found: _Found, end: DetectorEnd) -> None:
    prefix, connection = settings.topic_prefix, settings.connection()
    if not await workers_in_group(connection, consumer_group(prefix)):
        raise click.ClickException(
            "no worker runs, so nothing would be applied. Start one, and try again. Nothing was written."
        )
    topic = prefix + REPORTERS_INTERNAL
    home = home_partition(found.key, await partition_count(connection, topic))
    value, headers = encode_detector_end(end)
    async with producer_for(settings, topic) as producer:
        await producer.send_and_wait(topic, value, key=found.key, partition=home, headers=list(headers))
