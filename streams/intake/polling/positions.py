"""How far each system was read: the newest record of its source in the topic `intake-positions`."""

from collections.abc import Mapping

from aiokafka import AIOKafkaProducer

from streams.contract.wire.topics import INTAKE_POSITIONS
from streams.running.clients.kafka_reading import committed_records
from streams.running.worker.settings import Settings


async def kept_positions(settings: Settings) -> Mapping[str, bytes]:
    """The positions by `ce_source`.

    Raises UnknownTopicOrPartitionError if the topic is missing, KafkaConnectionError if no broker answers.
    """
    found: dict[str, bytes] = {}
    async for record in committed_records(settings.connection(), settings.topic_prefix + INTAKE_POSITIONS):
        if record.value is not None:
            found[record.key.decode()] = record.value
    return found


async def keep_position(producer: AIOKafkaProducer, prefix: str, ce_source: str, position: bytes) -> None:
    """Write a position; return once Kafka has confirmed it. Raises KafkaError."""
    await producer.send_and_wait(prefix + INTAKE_POSITIONS, position, ce_source.encode())
