"""How far each system was read: the newest record of its place in the topic `intake-positions`."""

from collections.abc import Mapping

from aiokafka import AIOKafkaProducer

from streams.contract.wire.topics import INTAKE_POSITIONS
from streams.intake.polling.poll import NostrRow, Poll
from streams.running.clients.kafka_reading import committed_records
from streams.running.worker.settings import Settings


async def kept_positions(settings: Settings) -> Mapping[str, bytes]:
    """The positions by place.

    Raises UnknownTopicOrPartitionError if the topic is missing, KafkaConnectionError if no broker answers.
    """
    found: dict[str, bytes] = {}
    async for record in committed_records(settings.connection(), settings.topic_prefix + INTAKE_POSITIONS):
        if record.value is not None:
            found[record.key.decode()] = record.value
    return found


def place_of(ce_source: str, poll: Poll) -> str:
    """Where a position is kept: for each relay of a source by itself."""
    return f"{ce_source} {poll.address}" if isinstance(poll.row, NostrRow) else ce_source


async def keep_position(producer: AIOKafkaProducer, prefix: str, place: str, position: bytes) -> None:
    """Write a position; return once Kafka has confirmed it. Raises KafkaError."""
    await producer.send_and_wait(prefix + INTAKE_POSITIONS, position, place.encode())
