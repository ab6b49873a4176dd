"""Publishes decisions that were made elsewhere.

What was published is known from `moderation-outcomes` itself: it is kept for a year, and cannot differ from
what was published, as a file or a committed offset can after a crash. Ids of outcomes follow from the
decisions, so one that is published twice, by a process that was killed at that moment or by two processes,
has the same id twice, and workers apply it once. So no transaction is needed, which a killed adapter would
leave open, and for which every reader of the topic would wait.
"""

from collections.abc import AsyncIterator

import msgspec
from aiokafka import AIOKafkaProducer

from streams.contract.events.moderation_outcome import ModerationOutcome
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import CE_SOURCE
from streams.contract.wire.topics import MODERATION_OUTCOMES
from streams.running.clients.kafka_reading import committed_records
from streams.running.clients.published_event import published_event
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import Settings

_decode = msgspec.json.Decoder(ModerationOutcome).decode


class Outcomes:
    """The outcomes of one adapter. `producer` must be idempotent and started."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, adapter: str) -> None:
        self._settings = settings
        self._producer = producer
        self._source = f"/tocsin/adapters/{adapter}"
        self._topic = settings.topic_prefix + MODERATION_OUTCOMES

    async def published(self, since_ms: int | None = None) -> AsyncIterator[ModerationOutcome]:
        """What was published up to now, or since a time (ms since the epoch). Raises KafkaError."""
        source = self._source.encode()
        async for record in committed_records(self._settings.connection(), self._topic, since_ms=since_ms):
            if dict(record.headers).get(CE_SOURCE) != source:
                continue
            try:
                outcome = _decode(record.value or b"")
            except (msgspec.DecodeError, UnicodeDecodeError):
                # Somebody else wrote it; workers refuse it.
                continue
            yield outcome

    async def publish(self, outcome: ModerationOutcome) -> None:
        """Publish an outcome.

        Raises Rejected if a worker would refuse it, KafkaError if the brokers do not confirm it.
        """
        event = published_event(MODERATION_OUTCOMES, encode(outcome), self._source, clock_ms())
        await self._producer.send_and_wait(self._topic, event.value, event.key, headers=event.headers)
