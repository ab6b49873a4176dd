"""What desks have to say about legal clocks, on its way to clock-outcomes."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import click
import orjson

from streams.commands.shared.published_event import published_event
from streams.commands.shared.writing import Pace, producer_for
from streams.events.clock_outcome import ClockSubject, Outcome
from streams.wire.dead_letter import Rejected
from streams.wire.envelope import rfc3339
from streams.wire.topics import CLOCK_OUTCOMES
from streams.worker.settings import Settings

SOURCE = "tocsin-clock"


class Word(NamedTuple):
    """What became of a clock, at `at_ms` (ms since the epoch); `reason` is that of a pause."""

    outcome: Outcome
    reason: str | None
    at_ms: int


def outcome_payload(clock_id: str, subject: ClockSubject, key: str, word: Word) -> bytes:
    """A payload for clock-outcomes. The same word of the same time has the same id, so that it counts once."""
    payload = {
        "outcome_id": f"{word.outcome}-{word.at_ms}-{clock_id}",
        "clock_id": clock_id,
        "subject": subject,
        "key": key,
        "outcome": word.outcome,
        "occurred_at": rfc3339(word.at_ms),
    }
    return orjson.dumps(payload if word.reason is None else payload | {"reason": word.reason})


async def send_outcomes(settings: Settings, payloads: Sequence[bytes], now_ms: int) -> None:
    """Publish payloads; when it returns all have been written. Raises ClickException, with nothing sent, for a bad one."""
    try:
        events = [published_event(CLOCK_OUTCOMES, payload, SOURCE, now_ms) for payload in payloads]
    except Rejected as rejected:
        raise click.ClickException(f"this would be refused: {rejected}") from rejected
    topic = settings.topic_prefix + CLOCK_OUTCOMES
    left, at_once = iter(events), Pace(None).batch
    async with producer_for(settings, topic) as producer:
        while batch := list(islice(left, at_once)):
            await asyncio.gather(
                *[
                    await producer.send(topic, event.value, event.key, headers=event.headers)
                    for event in batch
                ]
            )
