"""`tocsin console`: serves the pages on which desks work."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import click

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.extra_packages import extra_packages
from streams.commands.shared.terminal import echo
from streams.desk.console.people.access import check_sign_in
from streams.desk.console.settings import load_console_settings
from streams.running.operations.logs import configure_logs
from streams.running.worker.settings import load_settings


def imported_run_console() -> Callable[..., Coroutine[Any, Any, None]]:
    """`streams.desk.console.run.run_console`. Raises ClickException without the packages of the console."""
    with extra_packages("the console", "console"):
        from streams.desk.console.run import run_console  # noqa: PLC0415
    return run_console


@click.command()
def console() -> None:
    """Serve the pages on which desks work.

    It reads topics as any subscriber does, into a file that can be deleted and made again, and publishes what
    people decide. It ends with Ctrl-C or SIGTERM.

    \b
    Examples:
      tocsin console
      TOCSIN_CONSOLE_PORT=0 tocsin console
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    run_console = imported_run_console()
    settings, own = load_settings(), load_console_settings()
    check_sign_in(own)
    configure_logs(settings.log_level, settings.log_format)
    with broker_errors_explained(settings):
        asyncio.run(run_console(settings, own, lambda address: echo(f"console at {address}")))
