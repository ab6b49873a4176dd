"""Delivers events: those of one channel one after the other, those of different channels at the same time.

An event is tried until the receiver takes it. One that the receiver does not take is set aside only if the
receiver takes others meanwhile, because only then the event is the reason. While a receiver takes nothing,
everything waits in Kafka, and that time counts against no event: a receiver that comes back after hours is
slow at first.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

import structlog

from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import without_prefix
from streams.desk.adapters.metrics import AdapterMetrics
from streams.running.clients.https.answer import Accepted, Answer, Failed

logger = structlog.get_logger(__name__)

# Events that are under way at the same time. A receiver that takes 50 ms gets 160 a second.
CONCURRENT = 8

# After an event of a channel was set aside, the next ones need not wait as long, but one hiccup is no reason.
_LEAST_ATTEMPTS = 3

_FIRST_SECONDS = 1.0

# A receiver that is back gets its events within a minute.
_MOST_SECONDS = 60.0

TopicPartition = tuple[str, int]
Send = Callable[[SourceRecord], Awaitable[Answer]]


def wait_before(attempt: int) -> float:
    """Seconds before attempt 2, 3 and so on: doubling and random, so that channels do not come at once."""
    # Beyond a dozen doublings the most is reached, and a power would overflow.
    doubled = _FIRST_SECONDS * 2.0 ** min(attempt - 2, 12)
    return random.uniform(0.5, 1.0) * min(doubled, _MOST_SECONDS)  # noqa: S311 - spreads load, protects nothing


class SetAside(NamedTuple):
    """An event that the receiver does not take, and why."""

    record: SourceRecord
    failed: Failed
    attempts: int


@dataclass(slots=True)
class _Lane:
    """The events of one channel, the next one first.

    `failed_at` is when the last attempt failed, None if it did not. `blamed` are the seconds between failed
    attempts in which the receiver took events of other channels.
    """

    waiting: deque[SourceRecord] = field(default_factory=deque)
    failed_at: float | None = None
    blamed: float = 0.0
    task: asyncio.Task[None] | None = None


class Deliveries:
    """Sends records in the order of their channel; tells `finished` of each that was delivered or set aside.

    `patience` is for how many seconds the receiver may refuse a channel's events, while it takes others,
    before they are set aside. None sets aside what a few attempts do not deliver.
    """

    def __init__(
        self,
        send: Send,
        set_aside: Callable[[SetAside], Awaitable[None]],
        finished: Callable[[SourceRecord], None],
        metrics: AdapterMetrics,
        patience: float | None,
    ) -> None:
        self._send = send
        self._set_aside = set_aside
        self._finished = finished
        self._metrics = metrics
        self._patience = patience
        self._ending = False
        self._lanes: dict[tuple[TopicPartition, bytes], _Lane] = {}
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._accepted_at = float("-inf")
        self._leave_alone_until = 0.0
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, record: SourceRecord) -> None:
        """Deliver a record after all others of its channel."""
        place = (record.topic, record.partition)
        lane = self._lanes.setdefault((place, record.key or b""), _Lane())
        lane.waiting.append(record)
        if lane.task is None:
            lane.task = asyncio.create_task(self._deliver_all(place, record.key or b"", lane))
            lane.task.add_done_callback(self._note_end)

    async def drop(self, places: set[TopicPartition]) -> None:
        """Stop delivering the records of partitions; their next owner begins with what is not finished."""
        tasks = []
        for key in [key for key in self._lanes if key[0] in places]:
            task = self._lanes.pop(key).task
            if task is not None:
                task.cancel()
                tasks.append(task)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def end(self, seconds: float) -> None:
        """Stop sending; wait this long for the answers to what was sent."""
        self._ending = True
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        await self.drop({place for place, _ in self._lanes})

    def check(self) -> None:
        """Raise what ended a delivery, such as a broker that does not take what is set aside."""
        if self._failed.done():
            self._failed.result()

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) and not self._failed.done():
            self._failed.set_exception(error)

    async def _deliver_all(self, place: TopicPartition, key: bytes, lane: _Lane) -> None:
        while lane.waiting and not self._ending:
            record = lane.waiting[0]
            await self._deliver(record, lane)
            lane.waiting.popleft()
            self._finished(record)
        lane.task = None
        # One that fails is remembered: its next event is not tried for as long again.
        if lane.failed_at is None:
            self._lanes.pop((place, key), None)

    async def _deliver(self, record: SourceRecord, lane: _Lane) -> None:
        began, attempt = monotonic(), 1
        while True:
            answer = await self._attempt(record)
            if isinstance(answer, Accepted):
                lane.failed_at, lane.blamed = None, 0.0
                self._metrics.delivered.add((without_prefix(record.topic),))
                return
            if answer.failure == "not_sendable" or self._is_to_blame(lane, began, attempt):
                await self._set_aside(SetAside(record, answer, attempt))
                logger.warning(
                    "set an event aside",
                    why=answer.why,
                    topic=without_prefix(record.topic),
                    partition=record.partition,
                    offset=record.offset,
                )
                self._metrics.set_aside.add((answer.failure,))
                return
            attempt += 1
            self._metrics.retried.add((answer.failure,))
            logger.info("will try again", why=answer.why, topic=without_prefix(record.topic), attempt=attempt)
            await asyncio.sleep(wait_before(attempt))

    async def _attempt(self, record: SourceRecord) -> Answer:
        async with self._slots:
            # A receiver that asks for time asks it for everything that is sent to it.
            await asyncio.sleep(max(0.0, self._leave_alone_until - monotonic()))
            began = monotonic()
            answer = await self._sent(record)
        self._metrics.delivery.observe(monotonic() - began)
        if isinstance(answer, Accepted):
            self._accepted_at = monotonic()
        else:
            self._leave_alone_until = max(self._leave_alone_until, monotonic() + answer.wait_seconds)
        return answer

    async def _sent(self, record: SourceRecord) -> Answer:
        try:
            return await self._send(record)
        except Exception as error:
            # A mistake of ours about one event must not end the deliveries of all others.
            logger.exception("could not send an event", offset=record.offset, partition=record.partition)
            return Failed("refused", type(error).__name__)

    def _is_to_blame(self, lane: _Lane, began: float, attempt: int) -> bool:
        """Note a failed attempt; return whether the event is the reason, rather than the receiver.

        The event was first tried when it `began`.
        """
        now = monotonic()
        if lane.failed_at is not None and self._accepted_at > lane.failed_at:
            lane.blamed += now - lane.failed_at
        lane.failed_at = now
        if attempt < _LEAST_ATTEMPTS:
            return False
        return self._patience is None or (lane.blamed >= self._patience and self._accepted_at > began)
