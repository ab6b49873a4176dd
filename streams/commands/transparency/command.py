"""`tocsin transparency`, with `report`: add up the daily counters and print them."""

import asyncio
from collections.abc import Iterator
from datetime import date, datetime

import click
import orjson

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.commands.transparency.counters import read_counters
from streams.commands.transparency.dossier import dossier
from streams.commands.transparency.export import export
from streams.commands.transparency.statements import statements
from streams.commands.transparency.validate import validate
from streams.desk.text.text_table import text_table
from streams.desk.text.transparency_tables import (
    LEGEND,
    REPORT_DIMENSIONS,
    REQUEST_DIMENSIONS,
    SECTIONS,
    Section,
    Table,
    as_document,
    sections,
)
from streams.running.worker.settings import load_settings

_DAY = click.DateTime(formats=["%Y-%m-%d"])
_DIMENSIONS = list(dict.fromkeys((*REPORT_DIMENSIONS, *REQUEST_DIMENSIONS)))


@click.group(cls=SuggestingGroup)
def transparency() -> None:
    """Produce the numbers for transparency reports, and check reports."""


transparency.add_command(dossier)
transparency.add_command(export)
transparency.add_command(statements)
transparency.add_command(validate)


@transparency.command()
@click.option("--from", "first", type=_DAY, required=True, metavar="DATE", help="First day (UTC).")
@click.option("--to", "last", type=_DAY, required=True, metavar="DATE", help="Last day (UTC), inclusive.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option(
    "--group-by", type=click.Choice(_DIMENSIONS), multiple=True, metavar="NAME",
    help="Print one table by NAME instead of the usual tables; repeat it for finer rows.",
)  # fmt: skip
def report(first: datetime, last: datetime, as_json: bool, group_by: tuple[str, ...]) -> None:
    """Add up the daily counters for a transparency report.

    Counts reports by category, source, country and whether they escalated, as the Santa Clara Principles 2.0
    and DSA art. 15 and 24 require, with the reports of state actors in a section of their own. Counts
    requests of authorities by country, kind, decision and refusal, by category, and by authority. Days are
    days of the partition's time, which follows the reports and not the moment of counting.

    \b
    Numbers below 5 are hidden, and so is any number that would reveal one:
      <5  fewer than five
      *   fewer than five, or withheld because a number below five could be
          calculated from it and the total
    If every number of a table is hidden, only its total is given.

    --group-by accepts date, country, category and kind; for reports also source, automated, late and
    escalated; for requests also legal_basis, authority, decision and refusal.

    \b
    Examples:
      tocsin transparency report --from 2026-01-01 --to 2026-06-30
      tocsin transparency report --from 2026-01-01 --to 2026-06-30 --group-by country --group-by category
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    days = first.date(), last.date()
    if days[0] > days[1]:
        raise click.UsageError(f"--from {days[0]} is after --to {days[1]}.")
    group_by = tuple(dict.fromkeys(group_by))
    if not any(set(group_by) <= set(kind.dimensions) for kind in SECTIONS):
        raise click.UsageError(
            f"--group-by {', '.join(group_by)}: use names that all belong to reports, or all to requests."
        )
    settings = load_settings()
    with broker_errors_explained(settings):
        counters = asyncio.run(read_counters(settings, *days))
    made = sections(counters, group_by)
    if as_json:
        document = {
            "from": str(days[0]),
            "to": str(days[1]),
            "sections": [as_document(part) for part in made],
        }
        echo(orjson.dumps(document).decode())
    else:
        echo("\n".join(_text(*days, made)))


def _text(first: date, last: date, made: list[Section]) -> Iterator[str]:
    yield f"Transparency report, {first} to {last} (UTC days, inclusive)"
    for section in made:
        yield f"\n{section.kind.title}: {section.total}"
        if section.automated_share is not None:
            yield f"detected by automated means: {section.automated_share:.1%}"
        if section.total:
            for table in section.tables:
                yield f"\n{_table(table)}"
    yield f"\n{LEGEND}"


def _table(table: Table) -> str:
    if table.rows is None:
        return f"by {', '.join(table.by)}: every number is hidden"
    header = (*(name.replace("_", " ") for name in table.by), "count")
    width = max((len(str(count)) for _, count in table.rows), default=0)
    return text_table(header, [(*row, str(count).rjust(width)) for row, count in table.rows])
