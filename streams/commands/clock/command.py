"""`tocsin clock`: the command."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, get_args

import click
import msgspec

from streams.commands.clock.outcomes import ClockDecision, outcome_payload, send_outcomes
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.kept_clocks import whereabouts
from streams.commands.shared.moment import MOMENT
from streams.commands.shared.operator_options import deciding_actor
from streams.commands.shared.terminal import echo
from streams.contract.events.clock import ClockView
from streams.contract.events.clock_outcome import ClockSubject, OutcomeKind
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import AUTHORITY_ROUTING, ESCALATIONS
from streams.desk.text.record_text import decode_escalation
from streams.desk.text.routing_text import clock_text, decode_routing
from streams.running.clients.kafka_reading import committed_records
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import Settings, load_settings

_STANDARD_INPUT = "-"

_ENDED = ("fulfilled", "withdrawn")


class _PublishedClock(NamedTuple):
    """A clock as one event shows it.

    A report or a request (`subject`) started it; `key` is its channel or its id.
    """

    sequence: int
    clock: ClockView
    subject: ClockSubject
    key: str


@click.command()
@click.argument("clock_id")
@click.argument("outcome", type=click.Choice(get_args(OutcomeKind)))
@click.option(
    "--reason", help="Why the clock is paused: a reason that the duty allows (pausable_for in its row)."
)
@click.option(
    "--at", type=MOMENT,
    help="When it happened, such as 2026-03-01T12:00:00Z, or PT10M for ten minutes ago.  [default: now]",
)  # fmt: skip
@click.option(
    "--actor",
    help="Pseudonym of the person or program that decided; never a name or an address.  [default: "
    "TOCSIN_ACTOR]",
)
def clock(clock_id: str, outcome: OutcomeKind, reason: str | None, at: int | None, actor: str | None) -> None:
    """Record what became of a legal clock, or of many.

    The duty was fulfilled, the case was withdrawn, or the time was paused or resumed. `tocsin clocks` lists
    CLOCK_ID. So do `tocsin tail escalations` (clocks of reports) and `tocsin tail authority-routing` (clocks
    of requests), after the word clock. The outcome goes to clock-outcomes; a worker then stops, pauses or
    resumes the clock and publishes the change. Repeating an outcome has no effect. Exits with 1 if the clock
    does not exist or has ended.

    With `-` as CLOCK_ID, the command reads ids from standard input, one per line, and records the same
    outcome for each. It skips ids that are unknown or whose clock has ended, names them on standard error and
    exits with 1. It is safe to run again.

    A pause needs a reason that the duty allows. Otherwise the outcome becomes a dead letter and the clock
    keeps running.

    Every outcome names its actor, from --actor or TOCSIN_ACTOR, and so does the step of the clock that a
    worker publishes.

    \b
    Examples:
      export TOCSIN_ACTOR=legal-7f3a
      tocsin clock 005dae7e-6e83-53b0-ab8e-4b307e206265 fulfilled
      tocsin clock 005dae7e-6e83-53b0-ab8e-4b307e206265 paused --reason clarification_awaited --at PT10M
      tocsin clocks --channel s4xj233qkor3uxmtwnvslhuus4 --ids | tocsin clock - withdrawn
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    if (reason is not None) != (outcome == "paused"):
        raise click.UsageError("paused needs --reason, and no other outcome takes it.")
    settings = load_settings()
    decided_by = deciding_actor(actor, settings)
    ids = _ids_on_standard_input() if clock_id == _STANDARD_INPUT else None
    # Read the time after standard input, which a person may take minutes to type.
    now_ms = clock_ms()
    decision = ClockDecision(outcome, reason, now_ms if at is None else at, decided_by)
    with broker_errors_explained(settings):
        if ids is None:
            _mark_one(settings, clock_id, decision, now_ms)
        else:
            _mark_all(settings, ids, decision, now_ms)


def _ids_on_standard_input() -> list[str]:
    """The ids, one per line, without repetitions and empty lines."""
    lines = (line.strip() for line in click.get_text_stream("stdin", errors="replace"))
    return list(dict.fromkeys(line for line in lines if line))


def _mark_one(settings: Settings, clock_id: str, decision: ClockDecision, now_ms: int) -> None:
    found = asyncio.run(_find(settings, clock_id))
    if found is None:
        raise click.ClickException(
            f"clock {clock_id} is in neither escalations nor authority-routing: "
            "`tocsin clocks` lists the clocks that have not ended."
        )
    if found.clock.status in _ENDED:
        raise click.ClickException(f"clock {clock_id} has ended: {found.clock.status}.")
    payload = outcome_payload(found.clock.clock_id, found.subject, found.key, decision)
    asyncio.run(send_outcomes(settings, [payload], now_ms))
    next_command = (
        f"tocsin explain {clock_id}"
        if found.subject == "report"
        else f"tocsin tail authority-routing --from-beginning --request {found.key}"
    )
    echo(
        f"marked clock {clock_id} ({clock_text(found.clock)}) as {decision.outcome}\n"
        f"`{next_command}` shows the result"
    )


def _mark_all(settings: Settings, ids: Sequence[str], decision: ClockDecision, now_ms: int) -> None:
    """Look the clocks up in the state, which holds only clocks that have not ended, and mark them."""
    found = asyncio.run(whereabouts(settings, frozenset(ids))) if ids else {}
    payloads = []
    for clock_id in ids:
        place = found.get(clock_id)
        if place is None:
            echo(f"clock {clock_id} was not found: it ended long ago or never existed", err=True)
        elif place.ended:
            echo(f"clock {clock_id} has ended", err=True)
        else:
            payloads.append(outcome_payload(clock_id, place.subject, place.key, decision))
    if payloads:
        asyncio.run(send_outcomes(settings, payloads, now_ms))
    echo(f"marked {len(payloads):,} of {len(ids):,} clocks as {decision.outcome}")
    if len(payloads) < len(ids):
        raise SystemExit(1)


async def _find(settings: Settings, clock_id: str) -> _PublishedClock | None:
    """The clock as its newest event shows it, or None."""
    found: list[_PublishedClock] = []
    wanted = clock_id.encode()
    for topic in (ESCALATIONS, AUTHORITY_ROUTING):
        async for record in committed_records(settings.connection(), settings.topic_prefix + topic):
            # Searching the bytes is cheaper than decoding every record.
            if wanted not in (record.value or b""):
                continue
            try:
                found += _clocks_of_report(record) if topic == ESCALATIONS else _clocks_of_request(record)
            except msgspec.DecodeError:
                continue
    same_id = (row for row in found if row.clock.clock_id == clock_id)
    return max(same_id, key=lambda row: row.sequence, default=None)


def _clocks_of_report(record: SourceRecord) -> list[_PublishedClock]:
    event = decode_escalation(record)
    if event.clock is None:
        return []
    return [_PublishedClock(event.sequence, event.clock, "report", event.channel_ref)]


def _clocks_of_request(record: SourceRecord) -> list[_PublishedClock]:
    step = decode_routing(record)
    return [_PublishedClock(step.sequence, each, "request", step.request_id) for each in step.clocks]
