"""Writes acts on rules, and sets of rules."""

from streams.contract.wire.records import OutputRecord
from streams.running.clients.kafka_writing import producer_for
from streams.running.worker.settings import Settings


async def write_records(settings: Settings, *records: OutputRecord) -> None:
    """Write records, one after the other."""
    topics = {settings.topic_prefix + record.topic for record in records}
    async with producer_for(settings, *topics) as producer:
        for record in records:
            await producer.send_and_wait(
                settings.topic_prefix + record.topic, record.value, record.key, headers=list(record.headers)
            )
