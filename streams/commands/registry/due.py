"""`tocsin registry due`: the command."""

import textwrap
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import click
import orjson

from streams.commands.registry.options import DAY, day_or_today, law_option, rules_with
from streams.commands.shared.terminal import echo
from streams.contract.wire.times import DAY as DAY_MS
from streams.desk.text.text_table import text_table
from streams.registry.agenda import DueDay, due_days
from streams.registry.durations import parse_duration

_WIDTH = 60


def _days(_context: click.Context, _parameter: click.Parameter, text: str) -> int:
    try:
        return parse_duration(text) // DAY_MS
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is not an ISO 8601 duration of weeks, days or hours, such as P30D."
        ) from error


@click.command()
@click.option(
    "--within",
    "days",
    metavar="DURATION",
    default="P90D",
    show_default=True,
    callback=_days,
    help="How far to look ahead, in whole days.",
)
@law_option
@click.option("--today", type=DAY, metavar="DATE", help="Look ahead from this day (UTC).  [default: today]")
@click.option("--json", "json_lines", is_flag=True, help="One JSON object per line instead of a table.")
def due(days: int, law: Path | None, today: datetime | None, json_lines: bool) -> None:
    """List what people must do about the law, and by when.

    That is: rows whose review is due, holiday calendars that end, duties that begin or end, law that is not
    in force and may commence, and the next day in the life of a law, such as a judgment or the end of an
    experiment. What is late comes first: it stays in the list until somebody changes the row.

    \b
    Examples:
      tocsin registry due
      tocsin registry due --within P30D --json
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    day = day_or_today(today)
    found = due_days(rules_with(law), day, day + timedelta(days=days))
    if json_lines:
        for each in found:
            echo(orjson.dumps(each._asdict()).decode())
    else:
        echo(_text(found, day, days))


def _text(found: Sequence[DueDay], today: date, days: int) -> str:
    if not found:
        return f"Nothing is due within {days} days."
    cells = [
        (
            str(each.day),
            _when(each.day, today),
            each.kind.replace("_", " "),
            each.id,
            textwrap.fill(each.about, _WIDTH),
        )
        for each in found
    ]
    late = sum(each.day < today for each in found)
    return (
        f"{text_table(('day', 'in', 'what', 'row', 'about'), cells)}\n"
        "\n"
        f"{len(found)} due within {days} days, {late} of them late."
    )


def _when(day: date, today: date) -> str:
    left = (day - today).days
    if left < 0:
        return "late by 1 day" if left == -1 else f"late by {-left} days"
    return "today" if not left else "1 day" if left == 1 else f"{left} days"
