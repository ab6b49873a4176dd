"""Publishes decisions that were made elsewhere, each once.

The id of an outcome follows from the desk's own id of the decision. Which were published is known from `moderation-outcomes`
itself: it is kept for a year, and cannot differ from what was published, as a file or a committed offset can after a crash.
A decision that two processes publish at the same moment has the same id twice, and workers apply it once. So no transaction
is needed, which a killed adapter would leave open, and for which every reader of the topic would wait.
"""

from datetime import datetime

import msgspec
from aiokafka import AIOKafkaProducer

from streams.clients.kafka_reading import committed_records
from streams.clients.published_event import published_event
from streams.events.moderation_outcome import ModerationOutcome
from streams.runtime.wall_clock import clock_ms
from streams.wire.encoding import encode
from streams.wire.envelope import CE_SOURCE
from streams.wire.times import DAY
from streams.wire.topics import MODERATION_OUTCOMES
from streams.worker.settings import Settings

# Where to look first for what was published. An adapter that was stopped for longer reads the whole topic.
_LOOK_BACK_MS = 7 * DAY


class _Published(msgspec.Struct):
    outcome_id: str
    decided_at: datetime


_decode = msgspec.json.Decoder(_Published).decode


class Outcomes:
    """The outcomes of one adapter. `producer` must be idempotent and started."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, adapter: str) -> None:
        self._settings = settings
        self._producer = producer
        self._source = f"/tocsin/adapters/{adapter}"
        self._topic = settings.topic_prefix + MODERATION_OUTCOMES
        self._published: dict[str, datetime] = {}

    async def load(self) -> None:
        """Read what was published before. Raises KafkaError."""
        await self._read(clock_ms() - _LOOK_BACK_MS)
        if not self._published:
            await self._read(None)

    @property
    def newest(self) -> datetime | None:
        """When the newest published decision was made; None if there is none."""
        return max(self._published.values(), default=None)

    def is_published(self, outcome_id: str) -> bool:
        """Whether an outcome was published before."""
        return outcome_id in self._published

    async def publish(self, outcome: ModerationOutcome) -> None:
        """Publish an outcome unless it was. Raises Rejected if a worker would refuse it, KafkaError."""
        if self.is_published(outcome.outcome_id):
            return
        event = published_event(MODERATION_OUTCOMES, encode(outcome), self._source, clock_ms())
        await self._producer.send_and_wait(self._topic, event.value, event.key, headers=event.headers)
        self._published[outcome.outcome_id] = outcome.decided_at

    def forget_before(self, time: datetime) -> None:
        """Forget the outcomes of decisions before a time; those will not be asked about again."""
        for outcome_id in [one for one, decided_at in self._published.items() if decided_at < time]:
            del self._published[outcome_id]

    async def _read(self, since_ms: int | None) -> None:
        source = self._source.encode()
        async for record in committed_records(self._settings.connection(), self._topic, since_ms=since_ms):
            if dict(record.headers).get(CE_SOURCE) == source:
                outcome = _decode(record.value)
                self._published[outcome.outcome_id] = outcome.decided_at
