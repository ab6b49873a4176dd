"""Publishes what people do, and what follows from it.

An act is written first, and counts if the log says so: of two acts on the same version of a case the first one in the partition
counts. Only then is what follows written, with ids that follow from the act. If this process ends in between, any console that
finds a decision without its outcome writes it again, and a worker applies it once. So no transaction is needed, which a killed
console would leave open, and for which every reader of the topic would wait.
"""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any, Literal, NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition

from streams.clients.published_event import Event, published_event
from streams.console.casework.follow_ups import clock_outcomes, moderation_outcome
from streams.console.casework.work import Decision
from streams.console.follower import Progress
from streams.console.read_model.acts import CONSOLE_SOURCE
from streams.console.read_model.database import Database
from streams.events.case_activity import CaseActivity, ProposedAnswer, ProposedOutcome
from streams.events.clock import ClockView
from streams.events.clock_outcome import ClockOutcome
from streams.runtime.wall_clock import clock_ms
from streams.wire.encoding import encode
from streams.wire.times import DAY
from streams.wire.topics import CASE_ACTIVITY, CLOCK_OUTCOMES, MODERATION_OUTCOMES

# A record is usually read back within 50 ms. A broker that changes leaders needs some seconds.
_READ_BACK_SECONDS = 15.0

# A worker applies an outcome within a tenth of a second, but may be restarted just then.
_APPLIED_SECONDS = 5.0
_LOOK_SECONDS = 0.05

_ENDED = ("fulfilled", "withdrawn", "over")

# Half the time for which moderation-outcomes keeps its records: a decision whose outcome was deleted there is not one
# whose outcome is missing.
_REPAIRED_MS = 7 * DAY

_CLOCK = msgspec.json.Decoder(ClockView)
_OUTCOME = msgspec.json.Decoder(Decision[ProposedOutcome])
_ANSWER = msgspec.json.Decoder(Decision[ProposedAnswer])


class Verdict(NamedTuple):
    """What became of an act: `refused` is null if it counted, or why it did not."""

    refused: str | None


# settled: a worker applied it. too_late: the clock is something else by now, by somebody else.
ClockVerdict = Literal["settled", "too_late", "waits"]


class _ClockNow(NamedTuple):
    """A clock as the read model has it, and whether the outcome in question was written before."""

    status: str
    actor: str | None
    sent: bool


class NotReadBack(Exception):
    """The act was written, but the console has not seen it yet, so nobody knows whether it was first."""


class Publisher:
    """Writes acts and outcomes. `producer` must be idempotent and started."""

    def __init__(
        self, producer: AIOKafkaProducer, prefix: str, database: Database, progress: Progress
    ) -> None:
        self._producer = producer
        self._prefix = prefix
        self._database = database
        self._progress = progress

    async def act(self, activity: CaseActivity) -> Verdict:
        """Write an act, and what follows from it if it counted. The same `activity_id` again changes nothing.

        Raises Rejected if a worker would refuse the act, NotReadBack, or a KafkaError if the broker does not take it.
        """
        known = await asyncio.to_thread(self._verdict, activity.activity_id)
        if known is not None:
            return known
        await self._write(published_event(CASE_ACTIVITY, encode(activity), CONSOLE_SOURCE, clock_ms()))
        verdict = await asyncio.to_thread(self._verdict, activity.activity_id)
        assert verdict is not None
        if verdict.refused is None and activity.kind in ("decided", "proposal_signed"):
            await self.follow_up(activity.activity_id)
        return verdict

    async def clock_outcome(self, outcome: ClockOutcome, seen: str) -> ClockVerdict:
        """Write what became of a clock whose status its actor had `seen`; the same `outcome_id` again changes nothing.

        A worker decides whether it counts; `waits` if none did within seconds. Raises as `act` does.
        """
        before = await asyncio.to_thread(self._clock, outcome)
        if not before.sent:
            if before.status != seen:
                return "too_late"
            await self._write(published_event(CLOCK_OUTCOMES, encode(outcome), CONSOLE_SOURCE, clock_ms()))
        until = monotonic() + _APPLIED_SECONDS
        while True:
            clock = await asyncio.to_thread(self._clock, outcome)
            verdict = _verdict_on_clock(outcome, clock.status, clock.actor)
            if verdict != "waits" or monotonic() > until:
                return verdict
            await asyncio.sleep(_LOOK_SECONDS)

    async def follow_up(self, activity_id: str) -> None:
        """Write what follows from a decision, in an order in which nothing is missing where the last one is."""
        for event in await asyncio.to_thread(self._follow_ups, activity_id):
            await self._write(event)

    async def repair(self) -> int:
        """Write what follows from decisions of the last days without an outcome; return how many there were."""
        missing = await asyncio.to_thread(self._without_outcome)
        for activity_id in missing:
            await self.follow_up(activity_id)
        return len(missing)

    async def _write(self, event: Event) -> None:
        """Write an event, and wait until the read model has it."""
        topic = self._prefix + event.topic
        written = await self._producer.send_and_wait(topic, event.value, event.key, headers=event.headers)
        seen = self._progress.reached(TopicPartition(topic, written.partition), written.offset)
        try:
            await asyncio.wait_for(seen, _READ_BACK_SECONDS)
        except TimeoutError:
            raise NotReadBack from None

    def _clock(self, outcome: ClockOutcome) -> _ClockNow:
        reader = self._database.reader()
        row = reader.execute(
            "SELECT status, view FROM clock WHERE clock_id = ?", (outcome.clock_id,)
        ).fetchone()
        sent = reader.execute(
            "SELECT 1 FROM clock_outcome WHERE ce_source = ? AND outcome_id = ?",
            (CONSOLE_SOURCE, outcome.outcome_id),
        ).fetchone()
        return _ClockNow(row["status"], _CLOCK.decode(row["view"]).actor, sent is not None)

    def _verdict(self, activity_id: str) -> Verdict | None:
        row = (
            self._database.reader()
            .execute(
                "SELECT refused FROM act WHERE activity_id = ? AND refused IS NOT 'sent_before'",
                (activity_id,),
            )
            .fetchone()
        )
        return None if row is None else Verdict(row["refused"])

    def _follow_ups(self, activity_id: str) -> Sequence[Event]:
        row = (
            self._database.reader()
            .execute(
                "SELECT decision, subject, case_id, channel_ref FROM decision WHERE activity_id = ?",
                (activity_id,),
            )
            .fetchone()
        )
        now = clock_ms()
        decision: Decision[Any]
        if row["subject"] == "request":
            decision, outcomes = _ANSWER.decode(row["decision"]), []
        else:
            decision = _OUTCOME.decode(row["decision"])
            outcome = moderation_outcome(decision, row["channel_ref"], row["case_id"])
            outcomes = [published_event(MODERATION_OUTCOMES, encode(outcome), CONSOLE_SOURCE, now)]
        return [
            *[
                published_event(CLOCK_OUTCOMES, encode(each), CONSOLE_SOURCE, now)
                for each in clock_outcomes(decision)
            ],
            *outcomes,
        ]

    def _without_outcome(self) -> list[str]:
        rows = self._database.reader().execute(
            """
            SELECT activity_id FROM decision WHERE decided_ms > ? AND last_follow_up IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM outcome WHERE outcome_id = last_follow_up)
            AND NOT EXISTS (SELECT 1 FROM clock_outcome WHERE outcome_id = last_follow_up) ORDER BY decided_ms
            """,
            (clock_ms() - _REPAIRED_MS,),
        )
        return [row["activity_id"] for row in rows]


def _verdict_on_clock(outcome: ClockOutcome, status: str, actor: str | None) -> ClockVerdict:
    if outcome.outcome == "resumed" and status not in _ENDED:
        return "waits" if status == "paused" else "settled"
    if status == outcome.outcome:
        return "settled" if actor == outcome.actor else "too_late"
    cannot_pause = outcome.outcome == "paused" and status == "lapsed"
    return "too_late" if status in _ENDED or cannot_pause else "waits"
