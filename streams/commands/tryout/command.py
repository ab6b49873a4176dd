"""`tocsin try`."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import click

from streams.commands.backtest.arrivals import BATCH_SIZE
from streams.commands.backtest.trial import Trial, as_one_partition
from streams.commands.shared.progress import Progress
from streams.commands.shared.refused_lines import RefusedLines
from streams.commands.shared.report_rows import mapping_option, report_rows
from streams.commands.shared.terminal import echo
from streams.commands.tryout.page import page
from streams.commands.tryout.result import result_text
from streams.commands.tryout.rows import OwnReports, read_own_reports
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.report_decoding import FORM
from streams.contract.wire.reading import event_reader
from streams.contract.wire.records import DetachedRecord
from streams.contract.wire.topics import MESSAGE_REPORTS
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.reports.claims import UNRESTRICTED
from streams.registry.loader import load_rules
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import load_settings


@click.command("try")
@click.argument("file", type=click.File("rb"))
@mapping_option
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page with pictures to this file, too.",
)
def try_reports(file: BinaryIO, mapping: str | None, html: Path | None) -> None:
    """Show which of your own reports would have opened what, when and why; needs no Kafka.

    FILE is CSV with a header (its name ends with .csv), or has a JSON object per line. Columns are the fields
    of a report: report_id, occurred_at, channel, category, reporter, message_ref, and `channel.country` for
    a field of a field. Rows are taken in the order of their time, by the code and the policies of a worker;
    no desk answers, and legal clocks are left out. Standard error has the rows that could not be used.
    Nothing is sent anywhere. Exits with 1 if no row could be used, with 2 for a header or an encoding that
    cannot be.

    \b
    Examples:
      tocsin try reports.csv --html result.html
      tocsin try export.jsonl --mapping mapping.yaml
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    settings = load_settings()
    rules = replace(load_rules(**settings.registry_files()), sources=UNRESTRICTED)
    reports = read_own_reports(
        report_rows(file, mapping), read=event_reader(FORM, rules.categories), now_ms=clock_ms()
    )
    refused = RefusedLines()
    for line, why in reports.unusable:
        refused.add(line, why)
    refused.end()
    if not reports.rows:
        raise click.ClickException(f"no row of {file.name} could be used")
    trial = Trial(
        rules,
        as_one_partition(settings.partition_settings(), settings.partitions),
        rfc3339(0),
        DEMONSTRATION,
    )
    _play(trial, reports)
    echo(result_text(trial, reports))
    if html is not None:
        html.write_text(page(trial, reports, Path(file.name).name), encoding="utf-8")
        echo(f"\nThe page is in {html}.")


def _play(trial: Trial, reports: OwnReports) -> None:
    """Apply the rows as if each had been published when it occurred."""
    progress, rows = Progress("evaluated"), iter(reports.rows)
    while batch := list(islice(rows, BATCH_SIZE)):
        trial.apply(
            [DetachedRecord(MESSAGE_REPORTS, 0, row.line, row.time_ms, None, row.value, ()) for row in batch]
        )
        progress.add(len(batch))
    progress.clear()
