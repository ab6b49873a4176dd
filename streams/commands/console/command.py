"""`tocsin console`: the command."""

import asyncio

import click

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.terminal import echo
from streams.console.casework.permissions import Person
from streams.console.people.access import load_access
from streams.console.settings import load_console_settings
from streams.events.report import CATEGORIES
from streams.operations.logs import configure_logs
from streams.worker.settings import load_settings


@click.command()
def console() -> None:
    """Serve the pages on which desks work.

    It reads topics as any subscriber does, into a file that can be deleted and made again, and publishes what people
    decide. It ends with Ctrl-C or SIGTERM.

    \b
    Examples:
      tocsin console
      TOCSIN_CONSOLE_PORT=0 tocsin console
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    try:
        # Not with the other commands: a worker need not have these packages, nor take a second longer to start.
        from streams.console.run import run_console  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"the console needs packages that are not installed ({missing.name} is missing): "
            "pip install 'tocsin[console]'"
        ) from missing
    settings, own = load_settings(), load_console_settings()
    access = load_access(own)
    configure_logs(settings.log_level, settings.log_format)
    person = Person(settings.actor or "desk-local", "lead", frozenset(CATEGORIES))
    with broker_errors_explained(settings):
        asyncio.run(run_console(settings, own, person, access, lambda address: echo(f"console at {address}")))
