"""`tocsin clock`: what a desk has to say about a legal clock, or about many."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple, get_args

import click
import msgspec

from streams.commands.clock.words import Word, outcome_payload, send_outcomes
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.kept_clocks import whereabouts
from streams.commands.shared.moment import MOMENT
from streams.commands.shared.reading import committed_records
from streams.commands.shared.record_text import decode_escalation
from streams.commands.shared.routing_text import clock_text, decode_routing
from streams.events.clock import ClockView
from streams.events.clock_outcome import ClockSubject, Outcome
from streams.wire.records import SourceRecord
from streams.wire.topics import AUTHORITY_ROUTING, ESCALATIONS
from streams.worker.settings import Settings, load_settings

_STANDARD_INPUT = "-"

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
    """Say what became of a legal clock, or of many.

    The duty was fulfilled, the case withdrawn, the time paused or resumed. CLOCK_ID is what `tocsin clocks` lists, and
    what `tocsin tail escalations` (of a report's clock) and `tocsin tail authority-routing` (of a request's) show after
    the word clock. The outcome goes to clock-outcomes; a worker stops or pauses the clock and publishes that. Saying it
    twice does nothing. Exits with 1 if there is no such clock or it has ended.

    With `-` as CLOCK_ID it reads ids from standard input, one a line, and says the same of all. Those that are unknown
    or have ended are named on standard error and left out, and it exits with 1. It can be run again.

    A pause needs a reason that the law allows, or it becomes a dead letter and the clock runs on.

    \b
    Examples:
      tocsin clock 005dae7e-6e83-53b0-ab8e-4b307e206265 fulfilled
      tocsin clock 005dae7e-6e83-53b0-ab8e-4b307e206265 paused --reason clarification_awaited --at PT10M
      tocsin clocks --channel s4xj233qkor3uxmtwnvslhuus4 --ids | tocsin clock - withdrawn
    """  # noqa: D301 - click's mark for a paragraph that is not to be wrapped
    if (reason is not None) != (outcome == "paused"):
        raise click.UsageError("--reason is for paused, and paused needs it.")
    settings = load_settings()
    ids = _ids_on_standard_input() if clock_id == _STANDARD_INPUT else None
    # Only now: ids may have been typed for a while.
    now_ms = time.time_ns() // 1_000_000
    word = Word(outcome, reason, now_ms if at is None else at)
    with broker_errors_explained(settings):
        if ids is None:
            _say_of_one(settings, clock_id, word, now_ms)
        else:
            _say_of_all(settings, ids, word, now_ms)


def _ids_on_standard_input() -> list[str]:
    """One a line, each once."""
    lines = (line.strip() for line in click.get_text_stream("stdin", errors="replace"))
    return list(dict.fromkeys(line for line in lines if line))


def _say_of_one(settings: Settings, clock_id: str, word: Word, now_ms: int) -> None:
    found = asyncio.run(_find(settings, clock_id))
    if found is None:
        raise click.ClickException(f"no clock {clock_id} is in escalations or authority-routing.")
    if found.clock.status in _ENDED:
        raise click.ClickException(f"clock {clock_id} has ended: {found.clock.status}.")
    payload = outcome_payload(found.clock.clock_id, found.subject, found.key, word)
    asyncio.run(send_outcomes(settings, [payload], now_ms))
    look = (
        f"tocsin explain {clock_id}"
        if found.subject == "report"
        else f"tocsin tail authority-routing --from-beginning --request {found.key}"
    )
    click.echo(f"said of {clock_text(found.clock)}: {word.outcome}\n`{look}` shows what came of it")


def _say_of_all(settings: Settings, ids: Sequence[str], word: Word, now_ms: int) -> None:
    """The clocks are looked up in the state, which holds no more than those that have not ended."""
    found = asyncio.run(whereabouts(settings, frozenset(ids))) if ids else {}
    payloads = []
    for clock_id in ids:
        place = found.get(clock_id)
        if place is None:
            click.echo(f"no clock {clock_id} is kept: it ended long ago, or never was", err=True)
        elif place.ended:
            click.echo(f"clock {clock_id} has ended", err=True)
        else:
            payloads.append(outcome_payload(clock_id, place.subject, place.key, word))
    if payloads:
        asyncio.run(send_outcomes(settings, payloads, now_ms))
    click.echo(f"said of {len(payloads):,} of {len(ids):,} clocks: {word.outcome}")
    if len(payloads) < len(ids):
        raise SystemExit(1)


async def _find(settings: Settings, clock_id: str) -> _Found | None:
    found: list[_Found] = []
    wanted = clock_id.encode()
    for topic in (ESCALATIONS, AUTHORITY_ROUTING):
        async for record in committed_records(settings.connection(), settings.topic_prefix + topic):
            # Decoding costs more than looking for the bytes.
            if wanted not in (record.value or b""):
                continue
            try:
                found += _clocks_of_report(record) if topic == ESCALATIONS else _clocks_of_request(record)
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
