"""`tocsin registry sign`: sign rows of law for the platform."""

import re
from collections.abc import Collection
from datetime import date, datetime
from pathlib import Path

import click

from streams.commands.registry.options import DAY, day_or_today, law_option
from streams.commands.shared.terminal import echo
from streams.registry.loader import SHIPPED_LAW, load_rules, signatures_folder
from streams.registry.obligation import Obligation
from streams.registry.rules import Rules
from streams.registry.signing.sign import sign as sign_rows
from streams.running.worker.settings import load_settings


def _pseudonym(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    # Narrower than what signatures.yaml may hold: a new signature never has the form of an e-mail address.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise click.BadParameter(
            f"{text!r} is not a pseudonym: give up to 64 letters, digits and . _ -, such as counsel-1, "
            "and begin with a letter or digit."
        )
    return text


@click.command()
@click.argument("rows", metavar="ROW...", nargs=-1, required=True)
@click.option(
    "--by", required=True, metavar="PSEUDONYM", callback=_pseudonym, help="Who signs. Never a person's name."
)
@law_option
@click.option("--on", type=DAY, metavar="DATE", help="Day of the signature (UTC).  [default: today]")
def sign(rows: tuple[str, ...], by: str, law: Path | None, on: datetime | None) -> None:
    """Sign each ROW: whoever signs has compared it with the law, and answers for it on this platform.

    Writes signatures.yaml into the folder of law, or else into that of the platform file
    (TOCSIN_PLATFORM_FILE). The law that Tocsin ships is never signed in its own folder. A signature holds as
    long as the row says the same; owner, review day and next day may change. A second signature of a row
    replaces the first. The day cannot be in the future, nor before the row was last read. Workers publish a
    signature after their next start.

    \b
    Examples:
      tocsin registry sign GB.osa.s10-3A EU.tco.art3-3 --by counsel-1
      tocsin registry sign GB.osa.s10-3A --by counsel-1 --law ./law
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    files = load_settings().registry_files()
    if law:
        files["law"] = law
    folder = signatures_folder(files["platform"], files["law"])
    if folder is None or folder.resolve() == SHIPPED_LAW.resolve():
        raise click.UsageError(
            "signatures are kept in a folder of your own: set TOCSIN_PLATFORM_FILE or TOCSIN_LAW_FOLDER, or "
            "give --law."
        )
    duties = _duties(load_rules(**files), rows)
    day = day_or_today(on)
    _check_day(day, duties)
    path = sign_rows(folder, duties, by, day)
    echo(f"signed {', '.join(rows)} by {by}: {path}")


def _duties(rules: Rules, rows: Collection[str]) -> list[Obligation]:
    """The duties with these ids. Raises BadParameter if one is no duty."""
    duties = {duty.id: duty for duty in rules.obligations}
    watched = {row.id for row in rules.watched}
    for row in rows:
        if row in watched:
            raise click.BadParameter(
                f"{row} is watched, not a duty: only duties are signed.", param_hint="ROW"
            )
    unknown = [row for row in rows if row not in duties]
    if unknown:
        raise click.BadParameter(
            f"no row in force is named {', '.join(unknown)}: see `tocsin registry show`.", param_hint="ROW"
        )
    return [duties[row] for row in rows]


def _check_day(day: date, duties: Collection[Obligation]) -> None:
    """Raise BadParameter for a day on which nobody can have signed these rows."""
    if day > day_or_today(None):
        raise click.BadParameter(f"{day} is in the future.", param_hint="--on")
    for duty in duties:
        if day < duty.checked:
            raise click.BadParameter(
                f"{day} is before {duty.checked}, when {duty.id} was last read (read_on).", param_hint="--on"
            )
