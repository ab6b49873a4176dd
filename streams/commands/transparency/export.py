"""`tocsin transparency export`: write the files of a statutory transparency report."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import click

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.terminal import echo
from streams.commands.transparency.counters import read_counters
from streams.registry.loader import load_rules
from streams.running.worker.settings import load_settings
from streams.statutory.fill import WrongCell
from streams.statutory.long_table import long_table
from streams.statutory.provider import PROVIDER_ROLES, ProviderRole
from streams.statutory.report import make_report
from streams.statutory.reporting_period import Period
from streams.statutory.sums import PeriodSums
from streams.statutory.to_complete import ToComplete

_DAY = click.DateTime(formats=["%Y-%m-%d"])
_DSA = "dsa-2024-2835"
_LONG_FILE = "figures.csv"
_TO_COMPLETE_FILE = "TO-COMPLETE.txt"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--from", "first", type=_DAY, required=True, metavar="DATE", help="First day (UTC).")
@click.option("--to", "last", type=_DAY, required=True, metavar="DATE", help="Last day (UTC), inclusive.")
@click.option(
    "--format", "form", type=click.Choice([_DSA, "long"]), default=_DSA, show_default=True,
    help="The EU's templates, or all figures in one table.",
)  # fmt: skip
@click.option(
    "--service", default="", metavar="NAME", help="The name of the service, for the column Service."
)
@click.option(
    "--role", type=click.Choice(PROVIDER_ROLES), default="platform", show_default=True,
    help="What the service is: it decides which parts and rows are filled in.",
)  # fmt: skip
def export(
    folder: Path, first: datetime, last: datetime, form: str, service: str, role: ProviderRole
) -> None:
    """Write a transparency report for a period to DIR, from the topic transparency-counters.

    dsa-2024-2835 writes the CSV files of Implementing Regulation (EU) 2024/2835. Cells are blank if Tocsin
    cannot know a figure. TO-COMPLETE.txt and the terminal list what to add or check before publication;
    `tocsin transparency validate` checks the result.

    long writes figures.csv: metric, jurisdiction, category, source, unit, value and definition of every
    figure, for other reports.

    The figures are exact, small ones too. `tocsin transparency report` hides those; the templates do not
    allow it.

    \b
    Examples:
      tocsin transparency export --from 2026-01-01 --to 2026-12-31 --service Chirp report-2026
      tocsin transparency export --from 2026-01-01 --to 2026-06-30 --format long figures
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    period = Period(first.date(), last.date())
    if period.first > period.last:
        raise click.UsageError(f"--from {period.first} is after --to {period.last}.")
    settings = load_settings()
    with broker_errors_explained(settings):
        counters = asyncio.run(read_counters(settings, period.first, period.last))
    if form == _DSA:
        rules = load_rules(**settings.registry_files())
        try:
            report = make_report(PeriodSums(counters), rules, service, period, role)
        except WrongCell as error:
            raise click.ClickException(
                f"{error}. More was taken back than the topic has: the rest was counted in other topics, "
                "before the number of partitions or the prefix changed. Export each of them with --format "
                "long, and add up."
            ) from error
        files = report.files | {_TO_COMPLETE_FILE: _text(period, report.to_complete).encode()}
    else:
        files = {_LONG_FILE: long_table(counters, period)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    echo(f"{len(files)} files in {folder}, from {len(counters)} counters")
    if form == _DSA:
        echo(f"\n{files[_TO_COMPLETE_FILE].decode().rstrip()}")


def _text(period: Period, points: Iterable[ToComplete]) -> str:
    lines = (f"{point.file}: {point.what}: {point.why}\n" for point in points)
    return "".join((f"To complete or check in the report for {period}, before it is published:\n", *lines))
