"""Arguments and options of the commands about law, and the law that they choose."""

import difflib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from streams.commands.shared.suggesting_group import did_you_mean
from streams.contract.events.countries import COUNTRIES, COUNTRY_ALIASES
from streams.desk.text.differences.law_diff import Law, read_law
from streams.registry.agenda import rows_of_law
from streams.registry.loader import SHIPPED_LAW, load_rules
from streams.registry.obligation import Obligation
from streams.registry.row_of_law import WatchedRow
from streams.registry.rules import Rules
from streams.running.worker.settings import load_settings

BUILT_IN = "built-in"
"""As the name of a folder of law: the one that Tocsin ships."""

DAY = click.DateTime(formats=["%Y-%m-%d"])

law_option = click.option(
    "--law",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Folder of law to read instead of the worker's.",
)


class _Folder(click.Path):
    """A folder of law, or the one that Tocsin ships."""

    name = "folder of law"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name as given, and the path."""
        return value, SHIPPED_LAW if value == BUILT_IN else super().convert(value, param, ctx)


FOLDER = _Folder(exists=True, file_okay=False, path_type=Path)


def rules_with(law: Path | None) -> Rules:
    """The rules of a worker with these settings, or those with another folder of law."""
    files = load_settings().registry_files()
    if law:
        files["law"] = law
    return load_rules(**files)


def law_in(name: str, folder: Path) -> Law:
    """The law of a folder, with the other settings of a worker; `name` is what the user calls it."""
    return read_law(name, folder, load_settings().platform_file, rules_with(folder))


def day_or_today(given: datetime | None) -> date:
    """The day of an option of the type DAY; today (UTC) if it is not given."""
    return (given or datetime.now(UTC)).date()


def valid_code(code: str, rules: Rules) -> str:
    """The code of a country or region as the registry spells it. Raises BadParameter for an unknown one."""
    row = next((each for each in rows_of_law(rules) if each.id == code), None)
    if row is not None:
        kind = "a row that is watched, not a duty" if isinstance(row, WatchedRow) else "a row, not a country"
        raise click.BadParameter(
            f"{code} is {kind}: `tocsin registry show {row.jurisdiction}` lists it.",
            param_hint="COUNTRY",
        )
    code = code.upper()
    code = COUNTRY_ALIASES.get(code, code)
    if code not in COUNTRIES and code not in rules.jurisdictions:
        regions = sorted(set(rules.jurisdictions) - COUNTRIES)
        raise click.BadParameter(
            f"{code!r} is not a country: give an ISO 3166-1 alpha-2 code such as KR, or one of "
            f"{', '.join(regions)}.{_meant_countries(code, rules)}",
            param_hint="COUNTRY",
        )
    return code


def _meant_countries(typed: str, rules: Rules) -> str:
    """Which countries with a row have a name that is, contains, or is spelled like what was typed."""
    codes = {row.name.casefold(): code for code, row in rules.jurisdictions.items()}
    typed = typed.casefold()
    # Two or three letters are a wrong code, and in many names.
    close = [name for name in codes if len(typed) > 3 and typed in name]
    close = close or difflib.get_close_matches(typed, codes, cutoff=0.75)
    named = ", ".join(f"{codes[name]} ({rules.jurisdictions[codes[name]].name})" for name in close)
    return f" Did you mean {named}?" if named else ""


def named_row(rules: Rules, row_id: str) -> Obligation | WatchedRow:
    """The row with an id. Raises BadParameter, with ids that are spelled like it, if there is none."""
    rows = {row.id: row for row in rows_of_law(rules)}
    if row_id not in rows:
        raise click.BadParameter(
            f"{row_id!r} is not the id of a row of law.{did_you_mean(row_id, rows)}", param_hint="ROW"
        )
    return rows[row_id]
