"""`tocsin clock`: what a desk has to say about a legal clock."""

import asyncio
import time
from typing import NamedTuple, get_args

import click
import msgspec
import orjson

from streams.commands.broker_errors import broker_errors_explained
from streams.commands.moment import MOMENT
from streams.commands.published_event import published_event
from streams.commands.reading import committed_records
from streams.commands.record_text import decode_escalation
from streams.commands.routing_text import clock_text, decode_routing
from streams.commands.writing import producer_for
from streams.events.clock import ClockView
from streams.events.clock_outcome import ClockSubject, Outcome
from streams.events.dead_letter import Rejected
from streams.events.envelope import rfc3339
from streams.events.outcome_decoding import CLOCK_OUTCOMES
from streams.events.record import SourceRecord
from streams.settings import Settings, load_settings

SOURCE = "tocsin-clock"

_ENDED = ("fulfilled", "withdrawn")


class _Found(NamedTuple):
    """A clock as it was published last; `subject` started it, `key` is that one's channel or request."""

    sequence: int
    clock: ClockView
    subject: ClockSubject
    key: str


@click.command()
@click.argument("clock_id")
@click.argument("outcome", type=click.Choice(get_args(Outcome)))
@click.option(
    "--reason", help="Why it is paused: one of those that the duty allows (pausable_for in its row)."
)
@click.option(
    "--at", type=MOMENT, help="When that was, such as 2026-03-01T12:00:00Z, or PT10M for ten minutes ago.  [default: now]"
)  # fmt: skip
def clock(clock_id: str, outcome: Outcome, reason: str | None, at: int | None) -> None:
    """Say what became of a legal clock: the duty was fulfilled, the case withdrawn, the time paused or resumed.

    CLOCK_ID is what `tocsin tail escalations` (of a report's clock) and `tocsin tail authority-routing` (of a request's)
    show after the word clock. The outcome goes to clock-outcomes; a worker stops or pauses the clock and publishes that.
    Saying it twice does nothing. Exits with 1 if there is no such clock or it has ended.

    A pause needs a reason that the law allows, or it becomes a dead letter and the clock runs on.

    \b
    Examples:
      tocsin clock 005dae7e-6e83-53b0-ab8e-4b307e206265 fulfilled
      tocsin clock 005dae7e-6e83-53b0-ab8e-4b307e206265 paused --reason clarification_awaited --at PT10M
    """  # noqa: D301 - click's mark for a paragraph that is not to be wrapped
    if (reason is not None) != (outcome == "paused"):
        raise click.UsageError("--reason is for paused, and paused needs it.")
    now_ms = time.time_ns() // 1_000_000
    at_ms = now_ms if at is None else at
    settings = load_settings()
    with broker_errors_explained(settings):
        found = asyncio.run(_find(settings, clock_id))
        if found is None:
            raise click.ClickException(f"no clock {clock_id} is in escalations or authority-routing.")
        if found.clock.status in _ENDED:
            raise click.ClickException(f"clock {clock_id} has ended: {found.clock.status}.")
        value = outcome_payload(found.clock.clock_id, found.subject, found.key, outcome, reason, at_ms)
        asyncio.run(_send(settings, value, now_ms))
    look = (
        f"tocsin explain {clock_id}"
        if found.subject == "report"
        else f"tocsin tail authority-routing --from-beginning --request {found.key}"
    )
    click.echo(f"said of {clock_text(found.clock)}: {outcome}\n`{look}` shows what came of it")


def outcome_payload(
    clock_id: str, subject: ClockSubject, key: str, outcome: Outcome, reason: str | None, at_ms: int
) -> bytes:
    """A payload for clock-outcomes. The same word of the same time has the same id, so that it counts once."""
    payload = {
        "outcome_id": f"{outcome}-{at_ms}-{clock_id}",
        "clock_id": clock_id,
        "subject": subject,
        "key": key,
        "outcome": outcome,
        "occurred_at": rfc3339(at_ms),
    }
    return orjson.dumps(payload if reason is None else payload | {"reason": reason})


async def _find(settings: Settings, clock_id: str) -> _Found | None:
    found: list[_Found] = []
    wanted = clock_id.encode()
    for topic in ("escalations", "authority-routing"):
        async for record in committed_records(settings.connection(), settings.topic_prefix + topic):
            # Decoding costs more than looking for the bytes.
            if wanted not in (record.value or b""):
                continue
            try:
                found += _clocks_of_report(record) if topic == "escalations" else _clocks_of_request(record)
            except msgspec.DecodeError:
                continue
    own = (row for row in found if row.clock.clock_id == clock_id)
    return max(own, key=lambda row: row.sequence, default=None)


def _clocks_of_report(record: SourceRecord) -> list[_Found]:
    event = decode_escalation(record)
    return [] if event.clock is None else [_Found(event.sequence, event.clock, "report", event.channel_ref)]


def _clocks_of_request(record: SourceRecord) -> list[_Found]:
    step = decode_routing(record)
    return [_Found(step.sequence, each, "request", step.request_id) for each in step.clocks]


async def _send(settings: Settings, value: bytes, now_ms: int) -> None:
    try:
        event = published_event(CLOCK_OUTCOMES, value, SOURCE, now_ms)
    except Rejected as rejected:
        raise click.ClickException(f"this would be refused: {rejected}") from rejected
    topic = settings.topic_prefix + CLOCK_OUTCOMES
    async with producer_for(settings, topic) as producer:
        await producer.send_and_wait(topic, event.value, event.key, headers=event.headers)
