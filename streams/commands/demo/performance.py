"""The play: reports in, and at the same time everything that comes out, counted."""

import asyncio
import time
from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from streams.commands.demo.surroundings import WorkerProcess
from streams.commands.demo.tally import Tally
from streams.commands.reading import committed_reader
from streams.commands.record_text import decode_escalation, reason_of
from streams.commands.scenario import STORYLINES, ScenarioRecord, play
from streams.events.envelope import CE_ID
from streams.events.escalation import Escalation
from streams.runtime.topics import admin_client
from streams.settings import Settings

# What comes out, and what is published.
ENRICHED, ESCALATIONS, SHADOW, DEAD_LETTERS = (
    "enriched-reports",
    "escalations",
    "escalations-shadow",
    "dead-letters",
)
SOURCE = "message-reports"

# Six hours in twenty seconds: slow enough to follow, and at 2,500 records a second far from what a worker can do. More
# records than the default go as fast as this machine can, fewer take less time.
_PLAY_SECONDS = 20.0
_RECORDS_PER_SECOND = 2_500

# Records between two looks at what came back, so that the screen moves while reports are published.
_PUBLISH_AT_ONCE = 25

# Nothing at all arriving for this long, with records outstanding: a transaction lives 20 s at most.
_STALLED_SECONDS = 30.0

# When the group's offsets say that all was applied, everything is committed; what is still to be read then comes with
# the next fetch or two, and each is held back for 50 ms at most.
_QUIET_SECONDS = 1.0
_POLL_SECONDS = 0.1


class Performance:
    """One run: publishes a scenario and follows its results. `on_escalation` is called as each arrives."""

    def __init__(
        self, settings: Settings, worker: WorkerProcess, on_escalation: Callable[[Escalation], None]
    ) -> None:
        self.tally = Tally()
        self._settings = settings
        self._worker = worker
        self._on_escalation = on_escalation
        self._sent_at: dict[str, float] = {}

    async def run(self, seed: int, count: int) -> None:
        """Publish, and return when everything was answered and nothing more comes.

        Raises ClickException when the worker ends, when nothing moves any more, or when the numbers do not add up.
        """
        topics = [
            self._settings.topic_prefix + name for name in (ENRICHED, ESCALATIONS, SHADOW, DEAD_LETTERS)
        ]
        async with committed_reader(self._settings.connection(), topics, from_beginning=True) as consumer:
            following = asyncio.create_task(self._follow(consumer))
            try:
                await self._publish(seed, count, following)
                await self._until_answered(following)
                await self._until_applied(following)
                await asyncio.sleep(_QUIET_SECONDS)
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
        differences = self.tally.differences()
        if differences:
            raise self._worker.failure("the numbers do not add up: " + "; ".join(differences))

    async def _publish(self, seed: int, count: int, following: asyncio.Task[None]) -> None:
        tally, topic = self.tally, self._settings.topic_prefix + SOURCE
        producer = AIOKafkaProducer(
            **self._settings.connection().client_options(), enable_idempotence=True, linger_ms=5
        )
        await producer.start()
        try:
            tally.began_at = time.monotonic()
            seconds_each = min(_PLAY_SECONDS / count, 1 / _RECORDS_PER_SECOND)
            for number, record in enumerate(play(seed, count, time.time_ns() // 1_000_000)):
                if number % _PUBLISH_AT_ONCE == 0:
                    self._check(following)
                    await asyncio.sleep(max(0.0, tally.began_at + number * seconds_each - time.monotonic()))
                await producer.send(topic, key=record.key, value=record.value, headers=record.headers)
                tally.published[record.fate] += 1
                if record.storyline in STORYLINES:
                    self._note_story(record)
            await producer.flush()
        finally:
            await producer.stop()

    def _note_story(self, record: ScenarioRecord) -> None:
        self.tally.storyline_of_channel[record.key.decode()] = record.storyline
        if record.fate == "report":
            self.tally.reports_of_storyline[record.storyline] += 1
            self._sent_at[dict(record.headers)[CE_ID].decode()] = time.monotonic()

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        tally, prefix = self.tally, self._settings.topic_prefix
        while True:
            for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                name = partition.topic.removeprefix(prefix)
                if name == ENRICHED:
                    tally.enriched += len(records)
                elif name == DEAD_LETTERS:
                    tally.dead_letters.update(reason_of(record) for record in records)
                else:
                    for record in records:
                        self._note_escalation(decode_escalation(record))
                tally.last_arrival_at = time.monotonic()

    def _note_escalation(self, escalation: Escalation) -> None:
        if escalation.mode == "shadow":
            self.tally.shadow.append(escalation)
        else:
            self.tally.escalations.append(escalation)
            sent_at = self._sent_at.get(escalation.trace.last_report_id)
            # What ends an episode is the passing of time, not a report.
            if sent_at is not None and escalation.type != "resolved":
                self.tally.latencies.append(time.monotonic() - sent_at)
            self._on_escalation(escalation)

    async def _until_answered(self, following: asyncio.Task[None]) -> None:
        tally = self.tally
        seen, moved_at = tally.arrived, time.monotonic()
        while not tally.complete:
            self._check(following)
            await asyncio.sleep(_POLL_SECONDS)
            if tally.arrived != seen:
                seen, moved_at = tally.arrived, time.monotonic()
            elif time.monotonic() - moved_at > _STALLED_SECONDS:
                raise self._worker.failure(
                    f"nothing has come for {_STALLED_SECONDS:.0f} s; " + "; ".join(tally.differences())
                )

    async def _until_applied(self, following: asyncio.Task[None]) -> None:
        """Wait until the worker has gone past the last record: what it makes of duplicates has come then too."""
        topic, group = (
            self._settings.topic_prefix + SOURCE,
            self._settings.topic_prefix + self._settings.app_id,
        )
        deadline = time.monotonic() + _STALLED_SECONDS
        async with (
            admin_client(self._settings.connection()) as admin,
            committed_reader(self._settings.connection(), [topic], from_beginning=False) as source,
        ):
            ends = await source.end_offsets(list(source.assignment()))
            while True:
                committed = await admin.list_consumer_group_offsets(group)
                behind = {p: end for p, end in ends.items() if end and _offset(committed, p) < end}
                if not behind:
                    return
                self._check(following)
                if time.monotonic() > deadline:
                    raise self._worker.failure(
                        f"the worker has not gone through {topic}: {behind} are its ends"
                    )
                await asyncio.sleep(_POLL_SECONDS)

    def _check(self, following: asyncio.Task[None]) -> None:
        self._worker.check()
        if following.done():
            following.result()


def _offset(committed: Mapping[TopicPartition, OffsetAndMetadata], partition: TopicPartition) -> int:
    return committed[partition].offset if partition in committed else 0
