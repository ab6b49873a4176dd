"""`tocsin`: the program that puts the commands together."""

import importlib
import re
import sys
from typing import Any

import click
from click.shell_completion import CompletionItem
from click.utils import make_default_short_help

from streams import __version__
from streams.commands.shared.suggesting_group import SuggestingGroup, did_you_mean
from streams.commands.shared.terminal import printable
from streams.commands.table import COMMANDS, NOT_IN_IMAGES
from streams.distribution import with_pages_named


class _Program(SuggestingGroup):
    """The commands of the table.

    A command is imported when it is called; help and completion list it unimported.
    Errors may quote a record or an argument: they are printed like everything that others wrote.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and make the message of its error printable."""
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            _suggest(error)
            raise
        except click.ClickException as error:
            error.message = printable(with_pages_named(error.message + _meant(error.message)))
            raise

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the program's own options."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            _suggest(error)
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """The names in the table."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name not in NOT_IN_IMAGES:
                raise
            raise click.ClickException(
                f"container images are without `tocsin {cmd_name}`: run it where the wheel is installed"
            ) from error
        _name_pages(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, each sentence cut to the line as click does it."""
        names = self.list_commands(ctx)
        room = formatter.width - 6 - max(map(len, names))
        with formatter.section("Commands"):
            formatter.write_dl([(name, make_default_short_help(COMMANDS[name][1], room)) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands and options that begin with what was typed."""
        commands = [
            CompletionItem(name, help=make_default_short_help(COMMANDS[name][1]))
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        # Not those of click.Group, which would import the commands.
        return commands + click.Command.shell_complete(self, ctx, incomplete)


def _meant(message: str) -> str:
    """The end of a message about a word that is none of those which can be typed: which are close."""
    found = re.match(r"'([^']+)' is not one of (.+)\.$", message, re.DOTALL)
    return did_you_mean(found[1], re.findall(r"'([^']+)'", found[2])) if found else ""


def _name_pages(command: click.Command) -> None:
    """Let the help of a command, and of those below it, name pages as they can be read here."""
    for has_help in (command, *command.params):
        # An argument has none.
        if isinstance(has_help, click.Command | click.Option) and has_help.help:
            has_help.help = with_pages_named(has_help.help)
    if isinstance(command, click.Group):
        for each in command.commands.values():
            _name_pages(each)


def _suggest(error: click.NoSuchOption) -> None:
    """Say in the words of all suggestions which options are close; click would do it in its own."""
    close = did_you_mean(error.option_name, error.possibilities or ())
    error.possibilities = None
    error.message = printable(f"{error.message}.{close}")


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tocsin")
def commands() -> None:
    """Turn reports about messages into escalations, each exactly once.

    Settings are environment variables; `tocsin config show` lists them. Every command has its own --help, and
    `tocsin docs commands` shows examples. Exit codes: 0 success; 1 the command failed, or found something
    wrong; 2 the command line, a setting or a file is wrong, and nothing was done.

    \b
    First steps:
      tocsin demo                        see everything at work, on a Kafka that it starts itself
      tocsin up --data FOLDER            run everything on one machine, Kafka included
      tocsin topics create               once, on your Kafka
      tocsin worker                      one per core
      tocsin simulate --reports 20000    publish sample traffic
      tocsin tail escalations            watch what comes out
      tocsin explain ESCALATION_ID       see why it was opened
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    # structlog is slow to import, and --help does without.
    import structlog  # noqa: PLC0415

    # Warnings (about a record that cannot be read, for instance) go to standard error; standard output is for
    # results.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def main() -> None:
    """Run the program. Errors that a person can fix are printed as one message, without a traceback."""
    try:
        commands.main(prog_name="tocsin", standalone_mode=True)
    except Exception as error:
        from streams.commands.explained_errors import explain  # noqa: PLC0415  # slow to import

        if (exit_code := explain(error)) is None:
            raise
        sys.exit(exit_code)


if __name__ == "__main__":
    main()
