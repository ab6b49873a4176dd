"""`tocsin`: the program that puts the commands together."""

import sys
from pathlib import Path
from typing import Any

import click
import structlog

from streams import __version__
from streams.commands.adapter import adapter
from streams.commands.clock import clock
from streams.commands.clocks import clocks
from streams.commands.completion import completion
from streams.commands.config import config
from streams.commands.console import console
from streams.commands.dead_letters import dead_letters
from streams.commands.demo import demo
from streams.commands.explain import explain
from streams.commands.outcome import outcome
from streams.commands.policy import policy
from streams.commands.publish import publish
from streams.commands.registry import registry
from streams.commands.reporter import reporter
from streams.commands.shared.terminal import echo, printable
from streams.commands.simulate import simulate
from streams.commands.source import source
from streams.commands.state import state
from streams.commands.tail import tail
from streams.commands.topics import topics
from streams.commands.transparency import transparency
from streams.commands.worker import worker
from streams.registry.errors import RegistryError, UnreadableFile
from streams.runtime.errors import RefusedToStart
from streams.worker.settings import PREFIX, Settings, SettingsError, load_settings

# Exit codes: 0 success; 1 failed while running; 2 the command line, a setting or a file is wrong (click uses
# 2 too).
EXIT_WRONG_INPUT = 2

_SETTINGS_WITH_RULES = (
    "policies_file",
    "scoring_file",
    "categories_file",
    "sources_file",
    "platform_file",
    "law_folder",
)


class _Program(click.Group):
    """Errors may quote a record or an argument: they are printed like everything that others wrote."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and make the message of its error printable."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.message = printable(error.message)
            raise


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tocsin")
def commands() -> None:
    """Turn reports about messages into escalations, each exactly once.

    Settings are environment variables; `tocsin config show` lists them. Every command has its own --help, and
    docs/commands.md shows examples. Exit codes: 0 success; 1 the command failed, or found something wrong; 2
    the command line, a setting or a file is wrong, and nothing was done.

    \b
    First steps:
      tocsin demo                        see everything at work, on a Kafka that it starts itself
      tocsin topics create               once, on your Kafka
      tocsin worker                      one per core
      tocsin simulate --reports 20000    publish sample traffic
      tocsin tail escalations            watch what comes out
      tocsin explain ESCALATION_ID       see why it was opened
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    # Warnings (about a record that cannot be read, for instance) go to standard error; standard output is for
    # results.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


for command in (
    adapter,
    clock,
    clocks,
    completion,
    config,
    console,
    dead_letters,
    demo,
    explain,
    outcome,
    policy,
    publish,
    registry,
    reporter,
    simulate,
    source,
    state,
    tail,
    topics,
    transparency,
    worker,
):
    commands.add_command(command)


def main() -> None:
    """Run the program. Errors that a person can fix are printed as one message, without a traceback."""
    try:
        commands.main(prog_name="tocsin", standalone_mode=True)
    except (SettingsError, RegistryError) as error:
        echo(f"error: {error}", err=True)
        if isinstance(error, UnreadableFile) and (
            setting := _setting_pointing_to(error.path, load_settings())
        ):
            echo(
                f"{setting} points to it: correct the path, or unset the variable to use the built-in rules.",
                err=True,
            )
        sys.exit(EXIT_WRONG_INPUT)
    except RefusedToStart as error:
        echo(f"error: refused to start: {error}", err=True)
        sys.exit(1)


def _setting_pointing_to(path: Path, settings: Settings) -> str | None:
    """The variable, with its value, that names `path` or a folder above it; None if there is none."""
    for name in _SETTINGS_WITH_RULES:
        configured = getattr(settings, name)
        if configured is not None and configured in (path, *path.parents):
            return f"{PREFIX}{name.upper()}={configured}"
    return None


if __name__ == "__main__":
    main()
