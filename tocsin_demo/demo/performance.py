"""Publishes the scenario, and reads and counts the results meanwhile."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams.contract.events.authority_routing import AuthorityRouting
from streams.contract.events.escalation import Escalation
from streams.contract.events.reporter_notice import ReporterNotice
from streams.contract.events.review_question import ReviewQuestion
from streams.contract.wire.envelope import CE_ID, CE_TIME
from streams.contract.wire.topics import (
    AUTHORITY_ROUTING,
    DEAD_LETTERS,
    ENRICHED_REPORTS,
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    REPORTER_NOTICES,
    REVIEW_QUESTIONS,
)
from streams.desk.text.record_text import caused_by_answer, decode_escalation, reason_of
from streams.desk.text.routing_text import decode_routing
from streams.running.clients.kafka_reading import committed_reader
from streams.running.clients.published_event import Event
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import Settings
from tocsin_demo.demo.applied import POLL_SECONDS, STALLED_SECONDS, until_applied
from tocsin_demo.demo.crowds import CROWDS, count_crowds, sentence_of
from tocsin_demo.demo.desk import Desk, judge
from tocsin_demo.demo.results import Tally
from tocsin_demo.demo.surroundings import Program
from tocsin_demo.scenario import (
    RIGHT_CROWDS,
    STORYLINES,
    ScenarioRecord,
    play,
    play_history,
    play_requests,
)

# Six hours in twenty seconds are slow enough to follow. The default, 2,500 records per second, is far below
# what a worker can process. A larger scenario is published in the same time if the machine can keep up, a
# smaller one in less.
_PLAY_SECONDS = 20.0
_LEAST_SECONDS = 5.0
_RECORDS_PER_SECOND = 2_500

# So much of the records may be unanswered: some fifteen minutes of the six hours. What a worker finds waiting
# it applies in one transaction: clocks take all steps at once that are due by its end, and the desk can
# answer none of them. A clock of two hours has 48 minutes between the step that the desk answers and the
# next.
_MOST_AHEAD = 1 / 24

# Records published between two pauses in which results are read, so that the screen updates while publishing.
_PUBLISH_BATCH = 25

# Once the group's offsets show that everything was applied, every result is committed. The rest arrives with
# the next fetch or two, and a broker delays each by at most 50 ms.
_QUIET_SECONDS = 1.0


_NOTICE = msgspec.json.Decoder(ReporterNotice)
_QUESTION = msgspec.json.Decoder(ReviewQuestion)


class Performance:
    """One run: publishes a scenario, reads its results, and calls the given functions as each arrives."""

    def __init__(
        self,
        settings: Settings,
        worker: Program,
        on_escalation: Callable[[Escalation], None],
        on_routing: Callable[[AuthorityRouting], None],
    ) -> None:
        self.tally = Tally()
        self._settings = settings
        self._worker = worker
        self._on_escalation = on_escalation
        self._on_routing = on_routing
        self._desk = Desk()
        self._sent_at: dict[str, float] = {}

    async def run(self, seed: int, count: int) -> None:
        """Publish, and return once everything was answered and no more results arrive.

        Raises ClickException if the worker ends, if no result arrives for 30 s, or if the numbers do not add
        up.
        """
        connection = self._settings.connection()
        topics = [self._name(name) for name in READ_BACK]
        async with (
            committed_reader(connection, topics, from_beginning=True) as consumer,
            AIOKafkaProducer(**connection.client_options(), enable_idempotence=True, linger_ms=5) as producer,
        ):
            following = asyncio.create_task(self._follow(consumer, producer))
            try:
                end_ms = clock_ms()
                await self._publish_history(producer, seed, end_ms)
                # The credits are committed with the notices, so they are ahead of all later reports of the
                # same people.
                await self._until_answered(following)
                await self._publish(producer, seed, count, end_ms, following)
                await self._until_answered(following)
                await until_applied(self._settings, self._worker, lambda: self._check(following))
                await asyncio.sleep(_QUIET_SECONDS)
                # The last results may have made the desk publish an outcome.
                await self._until_answered(following)
                self.tally.crowds = await count_crowds(self._settings, self.tally.storyline_of_channel)
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
        differences = self.tally.differences()
        if differences:
            raise self._worker.failure("the numbers do not add up: " + "; ".join(differences))

    def _name(self, topic: str) -> str:
        return self._settings.topic_prefix + topic

    async def _publish_history(self, producer: AIOKafkaProducer, seed: int, end_ms: int) -> None:
        """Publish the days before the six hours, as fast as possible: nobody follows them."""
        tally = self.tally
        reports: Counter[bytes] = Counter()
        decided: list[bytes] = []
        for record in play_history(seed, end_ms):
            if record.fate == "outcome":
                decided.append(record.key)
            else:
                reports[record.key] += 1
                tally.history_channels.add(record.key.decode())
            await self._send(producer, record)
        tally.history = reports.total()
        # There is one message in each channel, and everybody reports it once.
        tally.notices_due = sum(reports[key] for key in decided)
        await producer.flush()

    async def _publish(
        self,
        producer: AIOKafkaProducer,
        seed: int,
        count: int,
        end_ms: int,
        following: asyncio.Task[None],
    ) -> None:
        tally = self.tally
        requests = deque(play_requests(seed, end_ms))
        tally.began_at = time.monotonic()
        seconds_each = min(max(count / _RECORDS_PER_SECOND, _LEAST_SECONDS), _PLAY_SECONDS) / count
        for number, record in enumerate(play(seed, count, end_ms)):
            if number % _PUBLISH_BATCH == 0:
                await asyncio.sleep(max(0.0, tally.began_at + number * seconds_each - time.monotonic()))
                await self._until(following, lambda: tally.unanswered + _PUBLISH_BATCH <= _MOST_AHEAD * count)
            # Requests go among the reports by their time. Garbage has no reliable time to compare with.
            while requests and record.fate == "report" and _time_of(requests[0]) <= _time_of(record):
                await self._send_request(producer, requests.popleft())
            await self._send(producer, record)
            tally.published[record.fate] += 1
            if record.storyline in STORYLINES:
                self._note_story(record)
        await producer.flush()

    async def _send(self, producer: AIOKafkaProducer, record: ScenarioRecord | Event) -> None:
        await producer.send(
            self._name(record.topic), key=record.key, value=record.value, headers=record.headers
        )

    async def _send_request(self, producer: AIOKafkaProducer, record: ScenarioRecord) -> None:
        await self._send(producer, record)
        self.tally.requests += 1
        self.tally.description_of_request[record.key.decode()] = record.storyline

    def _note_story(self, record: ScenarioRecord) -> None:
        self.tally.storyline_of_channel[record.key.decode()] = record.storyline
        if record.fate == "report":
            self.tally.reports_of_storyline[record.storyline] += 1
            self._sent_at[dict(record.headers)[CE_ID].decode()] = time.monotonic()

    async def _follow(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        prefix = self._settings.topic_prefix
        while True:
            for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                name = partition.topic.removeprefix(prefix)
                if name in (ESCALATIONS, ESCALATIONS_SHADOW):
                    for record in records:
                        escalation = decode_escalation(record)
                        self._note_escalation(escalation)
                        await self._let_desk_answer(producer, escalation)
                elif name == REVIEW_QUESTIONS:
                    for record in records:
                        await self._let_desk_judge(producer, _QUESTION.decode(record.value))
                else:
                    self._note(name, records)
                self.tally.last_arrival_at = time.monotonic()

    def _note(self, name: str, records: Sequence[Any]) -> None:
        """Count what calls for no answer."""
        tally = self.tally
        if name == ENRICHED_REPORTS:
            for record in records:
                self._note_enriched(record.key.decode(), record.value)
        elif name == REPORTER_NOTICES:
            # Not receipts: nearly every report has one.
            notices = [_NOTICE.decode(record.value) for record in records]
            tally.notices += sum(notice.state != "received" for notice in notices)
        elif name == DEAD_LETTERS:
            tally.dead_letters.update(reason_of(record) for record in records)
        else:
            for record in records:
                tally.routings.append(decode_routing(record))
                self._on_routing(tally.routings[-1])

    async def _let_desk_answer(self, producer: AIOKafkaProducer, escalation: Escalation) -> None:
        outcome = self._desk.answer(escalation, clock_ms())
        if outcome is not None:
            self.tally.outcomes += 1
            await self._send(producer, outcome)

    async def _let_desk_judge(self, producer: AIOKafkaProducer, question: ReviewQuestion) -> None:
        story = self.tally.storyline_of_channel.get(question.channel_ref)
        if question.type != "asked" or story is None:
            return
        self.tally.questions[story] += 1
        for outcome in judge(question, right=story in RIGHT_CROWDS, now_ms=clock_ms()):
            # Who made the report is told.
            self.tally.notices_due += 1
            await self._send(producer, outcome)

    def _note_enriched(self, channel: str, value: bytes) -> None:
        tally = self.tally
        if channel in tally.history_channels:
            tally.history_enriched += 1
            return
        tally.enriched += 1
        story = tally.storyline_of_channel.get(channel)
        if story in CROWDS:
            tally.sentences[story] = sentence_of(value)

    def _note_escalation(self, escalation: Escalation) -> None:
        tally = self.tally
        if escalation.channel_ref in tally.history_channels:
            return
        if escalation.mode == "shadow":
            tally.shadow.append(escalation)
            return
        (tally.escalations if escalation.clock is None else tally.clock_events).append(escalation)
        sent_at = self._sent_at.get(escalation.trace.last_report_id)
        # Time, not a report, ends an episode and causes every step of a clock but the first. A desk's answer
        # may raise one.
        caused_by_report = escalation.type == "opened" or (
            escalation.type == "updated" and escalation.clock is None and not caused_by_answer(escalation)
        )
        if sent_at is not None and caused_by_report:
            tally.latencies.append(time.monotonic() - sent_at)
        self._on_escalation(escalation)

    async def _until_answered(self, following: asyncio.Task[None]) -> None:
        await self._until(following, lambda: self.tally.complete)

    async def _until(self, following: asyncio.Task[None], reached: Callable[[], bool]) -> None:
        """Wait while results arrive. Raises ClickException if none does for 30 s."""
        began_at = time.monotonic()
        while True:
            self._check(following)
            if reached():
                return
            if time.monotonic() - max(began_at, self.tally.last_arrival_at) > STALLED_SECONDS:
                raise self._worker.failure(
                    f"no result arrived for {STALLED_SECONDS:.0f} s: " + "; ".join(self.tally.differences())
                )
            await asyncio.sleep(POLL_SECONDS)

    def _check(self, following: asyncio.Task[None]) -> None:
        self._worker.check()
        if following.done():
            following.result()


def _time_of(record: ScenarioRecord) -> bytes:
    # All are RFC 3339 in UTC with the same length, so their bytes sort in order of time.
    return next(value for name, value in record.headers if name == CE_TIME)


READ_BACK = (
    ENRICHED_REPORTS,
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    AUTHORITY_ROUTING,
    DEAD_LETTERS,
    REPORTER_NOTICES,
    REVIEW_QUESTIONS,
)
