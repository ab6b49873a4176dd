"""`tocsin registry sign`: sign rows of law for the platform."""

from datetime import datetime
from pathlib import Path

import click

from streams.commands.registry.options import DAY, day_or_today, law_option
from streams.commands.shared.terminal import echo
from streams.registry.loader import SHIPPED_LAW, load_rules, signatures_folder
from streams.registry.signing.sign import sign as sign_rows
from streams.running.worker.settings import load_settings


@click.command()
@click.argument("rows", metavar="ROW...", nargs=-1, required=True)
@click.option("--by", required=True, metavar="PSEUDONYM", help="Who signs. Never a person's name.")
@law_option
@click.option("--on", type=DAY, metavar="DATE", help="Day of the signature (UTC).  [default: today]")
def sign(rows: tuple[str, ...], by: str, law: Path | None, on: datetime | None) -> None:
    """Sign each ROW: whoever signs has compared it with the law, and answers for it on this platform.

    Writes signatures.yaml into the folder of law, or else into that of the platform file
    (TOCSIN_PLATFORM_FILE). The law that Tocsin ships is never signed in its own folder. A signature holds as
    long as the row says the same; owner, review day and next day may change. Workers publish it after their
    next start.

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
    duties = {duty.id: duty for duty in load_rules(**files).obligations}
    unknown = [row for row in rows if row not in duties]
    if unknown:
        raise click.BadParameter(
            f"no row in force is named {', '.join(unknown)}: see `tocsin registry show`.", param_hint="ROW"
        )
    path = sign_rows(folder, [duties[row] for row in rows], by, day_or_today(on))
    echo(f"signed {', '.join(rows)} by {by}: {path}")
