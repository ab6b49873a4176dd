"""`tocsin intake ref`: by which refs desks speak of channels, messages and people."""

import os
from pathlib import Path
from typing import Literal, get_args

import click

from streams.commands.shared.extra_packages import extra_packages
from streams.commands.shared.terminal import echo
from streams.intake.settings import IntakeSettings
from streams.running.clients.pseudonym import LEAST_CHARACTERS, pseudonym
from streams.running.worker.environment import load_prefixed, needed, needed_secret

_Kind = Literal["channel", "account", "message", "reporter"]


@click.command()
@click.argument("kind", type=click.Choice(get_args(_Kind)))
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--source", metavar="NAME", help="The source that reports them; needed if tenants differ.")
def ref(kind: _Kind, ids: tuple[str, ...], source: str | None) -> None:
    """Show the refs that the intake makes of ids: what desks see in their place.

    By the key and the sources of the intake (TOCSIN_INTAKE_PSEUDONYM_KEY, TOCSIN_INTAKE_SOURCES_FILE). It
    prints a line with ref and id for each. An account that is itself reported is of kind account; who
    reports is a reporter. Exits with 2 if a setting is wrong.

    \b
    Example:
      tocsin intake ref channel "room 7"
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    own = load_prefixed(IntakeSettings, os.environ)
    key = needed_secret(own, "pseudonym_key", LEAST_CHARACTERS).encode()
    tenant = _tenant(own, source)
    for each in ids:
        echo(f"{pseudonym(key, kind, tenant, each)}  {each}")


def _tenant(own: IntakeSettings, named: str | None) -> str:
    with extra_packages("the intake", "intake"):
        from streams.intake.sources import load_intake_sources  # noqa: PLC0415
    sources = load_intake_sources(Path(needed(own, "sources_file")))
    if named is None:
        tenants = {source.tenant for source in sources.values()}
        if len(tenants) == 1:
            return tenants.pop()
    elif named in sources:
        return sources[named].tenant
    raise click.UsageError(f"--source must be one of {', '.join(sorted(sources))}")
