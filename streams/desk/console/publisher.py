"""Publishes what people do, and what follows from it.

An act is written first, and counts if the log says so: of two acts on the same version of a case the first
one in the partition counts. Only then is what follows written, with ids that follow from the act. If this
process ends in between, any console that finds a decision without its outcome writes it again, and a worker
applies it once. So no transaction is needed, which a killed console would leave open, and for which every
reader of the topic would wait.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from streams.contract.events.case_activity import CaseActivity
from streams.contract.events.clock import ClockView
from streams.contract.events.clock_outcome import ClockOutcome
from streams.contract.wire.encoding import encode
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.topics import CASE_ACTIVITY, CLOCK_OUTCOMES
from streams.desk.console.casework.clock_verdict import ClockVerdict, verdict_on_clock
from streams.desk.console.casework.work import case_key
from streams.desk.console.follower import Progress
from streams.desk.console.missing_outcomes import (
    ActKey,
    decisions_without_outcome,
    is_being_ended,
    missing_events,
    was_written,
)
from streams.desk.console.read_model.acts import CONSOLE_SOURCE
from streams.desk.console.read_model.database import Database
from streams.desk.console.read_model.statements import SQL
from streams.running.clients.published_event import Event, published_event
from streams.running.operations.values import Numbers
from streams.running.wall_clock import clock_ms

# A record is usually read back within 50 ms. A broker that changes leaders needs some seconds.
_READ_BACK_SECONDS = 15.0

# A worker applies an outcome within a tenth of a second, but may be restarted just then.
_APPLIED_SECONDS = 5.0
_LOOK_SECONDS = 0.05


_CLOCK = msgspec.json.Decoder(ClockView)


class ActVerdict(NamedTuple):
    """What became of an act: `refused` is null if it counted, or why it did not."""

    refused: str | None


class _ClockNow(NamedTuple):
    """A clock as the read model has it.

    `sent`: the outcome in question was written before. `being_ended`: another one was that ends the clock.
    """

    status: str
    actor: str | None
    sent: bool
    being_ended: bool


class NotReadBack(Exception):
    """The act was written, but the console has not seen it yet, so nobody knows whether it was first."""


class Publisher:
    """Writes acts and outcomes, and counts in `acts` what became of them.

    `producer` must be idempotent and started.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        prefix: str,
        database: Database,
        progress: Progress,
        acts: Numbers,
    ) -> None:
        self._producer = producer
        self._prefix = prefix
        self._database = database
        self._progress = progress
        self._acts = acts

    def check(self, activity: CaseActivity) -> None:
        """Raise Rejected if a worker would refuse the act. Writes nothing."""
        published_event(CASE_ACTIVITY, encode(activity), CONSOLE_SOURCE, clock_ms())

    async def act(self, activity: CaseActivity) -> ActVerdict:
        """Write an act, and what follows from it if it counted. The same `activity_id` again changes nothing.

        Raises Rejected if a worker would refuse the act, NotReadBack, or a KafkaError if the broker does not
        take it.
        """
        with self._unconfirmed_counted():
            verdict = await self._act(activity)
        self._acts.add(("counted" if verdict.refused is None else "refused",))
        return verdict

    async def _act(self, activity: CaseActivity) -> ActVerdict:
        key = ActKey(*case_key(activity), activity.activity_id)
        verdict = await asyncio.to_thread(self._verdict, key)
        if verdict is None:
            await self.write(published_event(CASE_ACTIVITY, encode(activity), CONSOLE_SOURCE, clock_ms()))
            verdict = await asyncio.to_thread(self._verdict, key)
        if verdict is None:
            # Read and not taken: the broker's clock is minutes behind this one, which no reader accepts.
            raise NotReadBack
        if verdict.refused is None and activity.kind in ("decided", "proposal_signed"):
            await self._follow_up(key)
        return verdict

    async def clock_outcome(self, outcome: ClockOutcome, seen: str) -> ClockVerdict:
        """Write the outcome of a clock whose status its actor had `seen`.

        The same `outcome_id` again has no effect.

        A worker decides whether it counts; `waits` if none did within seconds. Raises as `act` does.
        """
        with self._unconfirmed_counted():
            verdict = await self._clock_outcome(outcome, seen)
        self._acts.add(("refused" if verdict == "too_late" else "counted",))
        return verdict

    async def _clock_outcome(self, outcome: ClockOutcome, seen: str) -> ClockVerdict:
        before = await asyncio.to_thread(self._clock, outcome)
        if not before.sent:
            if before.status != seen or before.being_ended:
                return "too_late"
            await self.write(published_event(CLOCK_OUTCOMES, encode(outcome), CONSOLE_SOURCE, clock_ms()))
        until = monotonic() + _APPLIED_SECONDS
        while True:
            clock = await asyncio.to_thread(self._clock, outcome)
            verdict = verdict_on_clock(outcome, clock.status, clock.actor)
            if verdict != "waits" or monotonic() > until:
                return verdict
            await asyncio.sleep(_LOOK_SECONDS)

    async def write(self, event: Event | OutputRecord) -> None:
        """Write an event, or the deletion of one, and wait until the read model has it.

        Raises NotReadBack, or a KafkaError if the broker does not take it.
        """
        topic = self._prefix + event.topic
        written = await self._producer.send_and_wait(topic, event.value, event.key, headers=event.headers)
        seen = self._progress.reached(TopicPartition(topic, written.partition), written.offset)
        try:
            await asyncio.wait_for(seen, _READ_BACK_SECONDS)
        except TimeoutError:
            raise NotReadBack from None

    async def missing(self) -> Sequence[ActKey]:
        """The decisions of the last days of which something that follows is missing."""

        def found() -> Sequence[ActKey]:
            reader = self._database.reader()
            # A case that names no messages has no outcome, and somebody else may have ended the last clock.
            return [key for key in decisions_without_outcome(reader) if missing_events(reader, key)]

        return await asyncio.to_thread(found)

    async def repair(self, decisions: Sequence[ActKey]) -> int:
        """Write what follows from decisions and is missing; return of how many something was.

        Raises as `act` does.
        """
        repaired = 0
        for key in decisions:
            repaired += await self._follow_up(key)
        return repaired

    @contextmanager
    def _unconfirmed_counted(self) -> Iterator[None]:
        try:
            yield
        except (NotReadBack, KafkaError):
            self._acts.add(("not_confirmed",))
            raise

    async def _follow_up(self, key: ActKey) -> bool:
        """Write what follows from a decision and is missing, its own outcome last; return whether any was."""
        events = await asyncio.to_thread(lambda: missing_events(self._database.reader(), key))
        for event in events:
            await self.write(event)
        return bool(events)

    def _clock(self, outcome: ClockOutcome) -> _ClockNow:
        reader = self._database.reader()
        row = reader.execute(SQL["clock"], (outcome.clock_id,)).fetchone()
        sent = was_written(reader, CLOCK_OUTCOMES, outcome.outcome_id)
        actor = _CLOCK.decode(row["view"]).actor
        return _ClockNow(row["status"], actor, sent, is_being_ended(reader, outcome))

    def _verdict(self, key: ActKey) -> ActVerdict | None:
        row = self._database.reader().execute(SQL["act_refused"], key).fetchone()
        return None if row is None else ActVerdict(row["refused"])
