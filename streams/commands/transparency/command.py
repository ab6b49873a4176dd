"""`tocsin transparency report`."""

import asyncio
from collections.abc import Iterator
from datetime import date, datetime

import click
import msgspec
import orjson
from aiokafka import ConsumerRecord

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.reading import committed_records
from streams.commands.shared.text_table import text_table
from streams.commands.transparency.tables import (
    REPORT_DIMENSIONS,
    REQUEST_DIMENSIONS,
    SECTIONS,
    Section,
    Table,
    as_document,
    sections,
)
from streams.events.transparency import TransparencyCounter
from streams.wire.topics import TRANSPARENCY_COUNTERS
from streams.worker.settings import Settings, load_settings

_LEGEND = (
    "<5: fewer than five.  *: fewer than five, or withheld because such a number could be calculated from it.\n"
    "Each table is safe by itself. Before several are published, see that none is a part of another."
)

_DAY = click.DateTime(formats=["%Y-%m-%d"])
_DIMENSIONS = list(dict.fromkeys((*REPORT_DIMENSIONS, *REQUEST_DIMENSIONS)))

_decode = msgspec.json.Decoder(TransparencyCounter).decode


@click.group()
def transparency() -> None:
    """Give the numbers that transparency reports ask for."""


@transparency.command()
@click.option("--from", "first", type=_DAY, required=True, metavar="DATE", help="The first day (UTC).")
@click.option("--to", "last", type=_DAY, required=True, metavar="DATE", help="The last day (UTC), included.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
@click.option(
    "--group-by", type=click.Choice(_DIMENSIONS), multiple=True, metavar="NAME",
    help="Instead of the usual tables, one by this; can be repeated for finer rows.",
)  # fmt: skip
def report(first: datetime, last: datetime, as_json: bool, group_by: tuple[str, ...]) -> None:
    """Add up the daily counters for a transparency report.

    Reports by category, source, country and what came of them, as the Santa Clara Principles 2.0 and DSA art. 15 and
    24 ask, those of state actors apart; requests of authorities by country, kind, decision and refusal, by category
    and by authority. A day is one of the partition's time: the time of the reports, not of the counting.

    \b
    Numbers below 5 are not shown, nor what they could be calculated from:
      <5  fewer than five
      *   fewer than five, or withheld because a number below five would
          follow from it and the total
    A table of which no number is left is not given; its total is.

    --group-by takes date, country, category, kind; source, automated, late, escalated of reports; legal_basis,
    authority, decision, refusal of requests.

    \b
    Examples:
      tocsin transparency report --from 2026-01-01 --to 2026-06-30
      tocsin transparency report --from 2026-01-01 --to 2026-06-30 --group-by country --group-by category --json
    """  # noqa: D301 - click's mark for a paragraph that is not to be wrapped
    days = first.date(), last.date()
    if days[0] > days[1]:
        raise click.UsageError(f"--from {days[0]} lies after --to {days[1]}.")
    group_by = tuple(dict.fromkeys(group_by))
    if not any(set(group_by) <= set(kind.dimensions) for kind in SECTIONS):
        raise click.UsageError(
            f"--group-by {', '.join(group_by)}: some of these are of reports and some of requests, nothing has all."
        )
    settings = load_settings()
    with broker_errors_explained(settings):
        counters = asyncio.run(_read(settings, *days))
    made = sections(counters, group_by)
    if as_json:
        document = {
            "from": str(days[0]),
            "to": str(days[1]),
            "sections": [as_document(part) for part in made],
        }
        click.echo(orjson.dumps(document))
    else:
        click.echo("\n".join(_text(*days, made)))


async def _read(settings: Settings, first: date, last: date) -> list[TransparencyCounter]:
    """The last value of each key, as far as it is of these days."""
    topic = settings.topic_prefix + TRANSPARENCY_COUNTERS
    found: dict[bytes, ConsumerRecord] = {}
    async for record in committed_records(settings.connection(), topic):
        if str(first) <= record.key[:10].decode(errors="replace") <= str(last):
            found[record.key] = record
    return [_decoded(record) for record in found.values()]


def _decoded(record: ConsumerRecord) -> TransparencyCounter:
    try:
        return _decode(record.value or b"")
    except msgspec.DecodeError as error:
        raise click.ClickException(
            f"{record.topic} partition {record.partition} offset {record.offset} is no counter of this version "
            f"({error}): only `tocsin worker` may write to this topic; report with the version that wrote it."
        ) from error


def _text(first: date, last: date, made: list[Section]) -> Iterator[str]:
    yield f"Transparency report, {first} to {last} (UTC days, both included)"
    for section in made:
        yield f"\n{section.kind.title}: {section.total}"
        if section.automated_share is not None:
            yield f"found by automated means: {section.automated_share:.1%}"
        if section.total:
            for table in section.tables:
                yield f"\n{_table(table)}"
    yield f"\n{_LEGEND}"


def _table(table: Table) -> str:
    if table.rows is None:
        return f"by {', '.join(table.by)}: no number can be shown"
    header = (*(name.replace("_", " ") for name in table.by), "count")
    width = max((len(str(count)) for _, count in table.rows), default=0)
    return text_table(header, [(*row, str(count).rjust(width)) for row, count in table.rows])
