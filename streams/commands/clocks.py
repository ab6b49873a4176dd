"""`tocsin clocks`: lists the legal clocks that have not ended."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import click
import msgspec
import orjson

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.kept_clocks import (
    KEY_NAMES,
    FoundClocks,
    KeptClock,
    WantedClocks,
    wanted_clocks,
)
from streams.commands.shared.terminal import echo
from streams.contract.events.clock import RunningStatus
from streams.contract.wire.times import DAY, HOUR, MINUTE
from streams.desk.text.routing_text import minute
from streams.desk.text.text_table import text_table
from streams.registry.durations import parse_duration
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import load_settings

# The state keeps no other clocks: a clock with any other status has ended. `over` is a wait that has ended:
# what had to wait is owed.
_STATUSES: tuple[RunningStatus, ...] = ("running", "paused", "lapsed", "over")

_UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1000, "s"))


def _milliseconds(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from error


@click.command()
@click.option("--channel", metavar="REF", help="Only clocks that reports about this channel started.")
@click.option(
    "--request", metavar="ID", help="Only clocks that the authority's request with this id started."
)
@click.option("--duty", metavar="ID", help="Only clocks of this duty, such as GB.osa.s10-3A.")
@click.option(
    "--authority",
    metavar="NAME",
    help="Only clocks of duties that this authority supervises, such as OFCOM; "
    "for requests, the type of the requesting authority, such as court.",
)
@click.option(
    "--status", type=click.Choice(_STATUSES), metavar="NAME",
    help=f"Only clocks with this status: {', '.join(_STATUSES)}."
)  # fmt: skip
@click.option(
    "--due-within",
    "due_within_ms",
    metavar="DURATION",
    callback=_milliseconds,
    help="Only clocks with at most this much time left, such as PT24H. Includes lapsed clocks.",
)
@click.option("--json", "json_lines", is_flag=True, help="One JSON object per line instead of a table.")
@click.option(
    "--ids", "only_ids", is_flag=True, help="Only the ids, one per line, as input for `tocsin clock -`."
)
def clocks(
    channel: str | None,
    request: str | None,
    duty: str | None,
    authority: str | None,
    status: RunningStatus | None,
    due_within_ms: int | None,
    json_lines: bool,
    only_ids: bool,
) -> None:
    """List the legal clocks that have not ended.

    A listed clock is running, paused, lapsed or, after a wait, over; the most urgent one comes first. A due
    time marked `not before` is the end of a wait, not a deadline. The list is read from the workers' state of
    both stages, so it is complete even after old events were deleted. Workers may keep running. Time left is
    measured with this machine's clock. A paused clock keeps the time that it had left when it was paused; its
    due time moves when the pause ends. One that is paused because the request lacks something says until when
    its authority must be told. Exits with 1 if a clock cannot be read. An empty list is not an error.

    \b
    Examples:
      tocsin clocks --due-within PT24H
      tocsin clocks --status lapsed --authority FTC --json
      tocsin clocks --channel s4xj233qkor3uxmtwnvslhuus4 --ids | tocsin clock - withdrawn
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    if channel is not None and request is not None:
        raise click.UsageError(
            "give --channel or --request, not both: a clock belongs to a channel or to a request."
        )
    if json_lines and only_ids:
        raise click.UsageError("give --json or --ids, not both.")
    wanted = WantedClocks(channel, request, duty, authority, status, due_within_ms)
    settings = load_settings()
    with broker_errors_explained(settings):
        found = asyncio.run(wanted_clocks(settings, wanted, clock_ms()))
    if json_lines:
        _print_lines(orjson.dumps(as_document(clock)).decode() for clock in found.clocks)
    elif only_ids:
        _print_lines(clock.view.clock_id for clock in found.clocks)
    elif found.clocks:
        echo(_text(found.clocks))
    _report_missing(found)


def _print_lines(lines: Iterator[str]) -> None:
    for line in lines:
        echo(line)


def _report_missing(found: FoundClocks) -> None:
    if not found.clocks:
        echo("no clocks found", err=True)
    for problem in found.unreadable:
        echo(f"{problem}; `tocsin state check` gives details", err=True)
    if found.unreadable:
        raise SystemExit(1)


def as_document(clock: KeptClock) -> dict[str, Any]:
    """The clock for --json: its published fields and whose it is.

    `left_seconds` is negative once its time is over.
    """
    return {
        **msgspec.to_builtins(clock.view),
        "subject": clock.subject,
        "key": clock.key,
        "authority": clock.authority,
        "countries": clock.countries,
        "left_seconds": clock.left_ms // 1000,
        **({} if clock.tell_by is None else {"tell_by": clock.tell_by}),
    }


def _text(found: Sequence[KeptClock]) -> str:
    header = ("clock", "duty", "authority", "country", "started by", "status", "due", "left")
    rows = [
        (
            clock.view.clock_id,
            clock.view.obligation,
            clock.authority or "",
            " ".join(clock.countries),
            f"{KEY_NAMES[clock.subject]} {clock.key}",
            _status(clock),
            f"{'' if clock.view.not_before is None else 'not before '}{minute(clock.view.due_at)}",
            time_left(clock.left_ms),
        )
        for clock in found
    ]
    statuses = Counter(clock.view.status for clock in found)
    by_status = ", ".join(f"{number:,} {status}" for status, number in statuses.most_common())
    return f"{text_table(header, rows)}\n{len(found):,} clocks: {by_status}"


def _status(clock: KeptClock) -> str:
    if clock.tell_by is None:
        return clock.view.status
    return f"{clock.view.status}: tell the issuing authority by {minute(clock.tell_by)}"


def time_left(left_ms: int) -> str:
    """A duration in its two largest units, rounded down: `2 d 4 h`, `overdue by 3 min 5 s`."""
    rest, parts = abs(left_ms), []
    for length, unit in _UNITS:
        number, rest = divmod(rest, length)
        parts.append((number, unit))
    first = next((index for index, (number, _) in enumerate(parts) if number), len(parts) - 1)
    text = " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "0 s"
    return text if left_ms >= 0 else f"overdue by {text}"
