"""Reads the transparency counters of a period."""

from datetime import date

import click
import msgspec
from aiokafka import ConsumerRecord

from streams.contract.events.transparency import TransparencyCounter
from streams.contract.wire.topics import TRANSPARENCY_COUNTERS
from streams.running.clients.kafka_reading import committed_records
from streams.running.worker.settings import Settings

_decode = msgspec.json.Decoder(TransparencyCounter).decode


async def read_counters(settings: Settings, first: date, last: date) -> list[TransparencyCounter]:
    """Return the last value of each key whose day is in the period; both days belong to it.

    Reads committed records only.
    """
    topic = settings.topic_prefix + TRANSPARENCY_COUNTERS
    found: dict[bytes, ConsumerRecord] = {}
    async for record in committed_records(settings.connection(), topic):
        if str(first) <= record.key[:10].decode(errors="replace") <= str(last):
            found[record.key] = record
    return [_decoded(record) for record in found.values()]


def _decoded(record: ConsumerRecord) -> TransparencyCounter:
    try:
        return _decode(record.value or b"")
    except msgspec.DecodeError as error:
        raise click.ClickException(
            f"{record.topic} partition {record.partition} offset {record.offset} is not a counter of this "
            f"version ({error}). Use the version that wrote it; only `tocsin worker` may write to this topic."
        ) from error
