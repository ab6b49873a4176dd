"""`tocsin registry affected`: the command."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

import click
import orjson

from streams.commands.registry.armed_clocks import ArmedClock, armed_clocks, as_document
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.kept_clocks import KEY_NAMES
from streams.commands.shared.moment import MOMENT
from streams.commands.shared.terminal import echo
from streams.contract.wire.envelope import rfc3339
from streams.desk.text.routing_text import minute
from streams.desk.text.text_table import text_table
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import load_settings


@click.command()
@click.argument("row")
@click.option(
    "--since",
    "since_ms",
    type=MOMENT,
    help="Only clocks that started at this time or later, such as 2026-03-01T00:00:00Z or P30D.",
)
@click.option(
    "--rules",
    "version",
    metavar="VERSION",
    help="Only clocks that workers with this registry_version started.",
)
@click.option("--json", "json_lines", is_flag=True, help="One JSON object per line instead of a table.")
def affected(row: str, since_ms: int | None, version: str | None, json_lines: bool) -> None:
    """List the clocks that the duty ROW has started, open and ended.

    It is the list for a desk after a row was wrong: a clock keeps the terms with which it was started, so a
    correction of the row changes none of them. Each line names the channel or request, the time and the
    registry_version with which the clock was started, and what became of it. Open clocks come first. The
    events of both stages are read, and the workers' state, which also has the open clocks whose events were
    deleted. ROW need not be in the registry any more. Workers may keep running. Exits with 1 if a clock
    cannot be read. An empty list is not an error.

    \b
    Examples:
      tocsin registry affected GB.osa.s10-3A
      tocsin registry affected GB.osa.s10-3A --since 2026-06-29T00:00:00Z --rules 5e1b2a9c0d3f4471
      tocsin registry affected US.2702-b-8 --json | jq -r 'select(.open).clock_id' | tocsin clock - withdrawn
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    settings = load_settings()
    with broker_errors_explained(settings):
        found = asyncio.run(armed_clocks(settings, row, clock_ms()))
    since = None if since_ms is None else rfc3339(since_ms)
    wanted = [
        clock
        for clock in found.clocks
        if (since is None or clock.view.started_at >= since) and version in (None, clock.registry_version)
    ]
    if json_lines:
        for clock in wanted:
            echo(orjson.dumps(as_document(clock)).decode())
    elif wanted:
        echo(_text(row, wanted))
    if not wanted:
        echo(f"no clock of {row} found", err=True)
    for problem in found.unreadable:
        echo(f"{problem}; `tocsin state check` gives details", err=True)
    if found.unreadable:
        raise SystemExit(1)


def _text(row: str, clocks: Sequence[ArmedClock]) -> str:
    header = ("started by", "country", "category", "started", "due", "now", "since", "by", "rules", "clock")
    rows = [
        (
            f"{KEY_NAMES[clock.subject]} {clock.key}",
            " ".join(clock.countries),
            clock.category or "",
            minute(clock.view.started_at),
            minute(clock.view.due_at),
            clock.view.status,
            "" if clock.changed_at is None else minute(clock.changed_at),
            clock.view.actor or "",
            clock.registry_version,
            clock.view.clock_id,
        )
        for clock in clocks
    ]
    still_open = [clock for clock in clocks if clock.open]
    ended = [clock for clock in clocks if not clock.open]
    lines = [
        text_table(header, rows),
        "",
        f"{len(clocks):,} clocks of {row}: {_by_status(still_open)} open, {_by_status(ended)} ended",
    ]
    versions = Counter(clock.registry_version for clock in clocks)
    counted = ", ".join(f"{version} {number:,}" for version, number in versions.most_common())
    return "\n".join([*lines, f"by registry_version: {counted}"])


def _by_status(clocks: Iterable[ArmedClock]) -> str:
    statuses = Counter(clock.view.status for clock in clocks)
    if not statuses:
        return "0"
    named = ", ".join(f"{number:,} {status}" for status, number in statuses.most_common())
    return f"{statuses.total():,} ({named})"
