"""`tocsin registry export`: the command."""

from datetime import datetime
from pathlib import Path

import click

from streams.commands.registry.options import DAY, day_or_today, law_option, rules_with, valid_code
from streams.commands.registry.sheet import codes_with_rows, sheet, sheet_csv, sheet_html
from streams.commands.shared.terminal import echo


@click.command()
@click.argument("codes", metavar="[COUNTRY]...", nargs=-1)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    default=".",
    show_default="the current one",
    help="Folder to write to; it is made if it does not exist.",
)
@law_option
@click.option("--today", type=DAY, metavar="DATE", help="Day (UTC) of the sheets.  [default: today]")
def export(codes: tuple[str, ...], out: Path, law: Path | None, today: datetime | None) -> None:
    """Write a sheet for counsel for each COUNTRY: its rows, and what was read for each.

    A sheet is a page, COUNTRY.html, and a table with the same content, COUNTRY.csv. Both have every row of
    the jurisdiction, in force or not, with its marks, sources, quotes with translation, penalties and
    signature, and room to write whether it is right. The page needs no network, can be read aloud and
    printed. COUNTRY is a code as for `show`; without any, every jurisdiction with rows of its own gets a
    sheet. Files of an earlier export are replaced.

    \b
    Examples:
      tocsin registry export FR EU --out sheets
      tocsin registry export --law ./law-next --out sheets
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    rules = rules_with(law)
    wanted = tuple(valid_code(code, rules) for code in codes) or codes_with_rows(rules)
    day = day_or_today(today)
    out.mkdir(parents=True, exist_ok=True)
    for code in wanted:
        if code not in rules.jurisdictions:
            raise click.BadParameter(f"{code} has no file of its own.", param_hint="COUNTRY")
        found = sheet(rules, code, day)
        (out / f"{code}.html").write_text(sheet_html(found), encoding="utf-8")
        # With the mark of the encoding, without which spreadsheets take it for another one.
        (out / f"{code}.csv").write_text(sheet_csv(found), encoding="utf-8-sig", newline="")
        counted = f"{len(found.rows)} rows, {found.signed} of {found.duties} duties signed"
        echo(f"{out / code}.html, {code}.csv: {counted}")
