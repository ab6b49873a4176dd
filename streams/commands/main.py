"""`tocsin`: everything a person does with Tocsin from a shell."""

import sys

import click
import structlog

from streams import __version__
from streams.commands.clock.command import clock
from streams.commands.clocks.command import clocks
from streams.commands.completion.command import completion
from streams.commands.config.command import config
from streams.commands.dead_letters import dead_letters
from streams.commands.demo import demo
from streams.commands.explain.command import explain
from streams.commands.policy import policy
from streams.commands.publish.command import publish
from streams.commands.registry import registry
from streams.commands.shared.rule_files import pointing_at
from streams.commands.simulate.command import simulate
from streams.commands.state import state
from streams.commands.tail.command import tail
from streams.commands.topics.command import topics
from streams.commands.transparency import transparency
from streams.commands.worker.command import worker
from streams.registry.errors import RegistryError, UnreadableFile
from streams.runtime.errors import RefusedToStart
from streams.worker.settings import SettingsError, load_settings

# Exit codes: 0 done; 1 it failed while running; 2 the command line, a setting or a file is wrong (click uses 2 too).
EXIT_WRONG_INPUT = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tocsin")
def commands() -> None:
    """Turns reports about messages into escalations, each exactly once.

    Settings are environment variables; `tocsin config show` lists them. Every command explains itself with --help;
    docs/commands.md shows them at work. Exit codes: 0 done; 1 it failed, or what it looked at is wrong; 2 the command
    line, a setting or a file is wrong, and nothing was done.

    \b
    First steps:
      tocsin demo                        everything at work, on a Kafka of its own
      tocsin topics create               once, on your Kafka
      tocsin worker                      as many as you have cores
      tocsin simulate --reports 20000    something to work on
      tocsin tail escalations            what comes out
      tocsin explain ESCALATION_ID       why
    """  # noqa: D301 - click's mark for a paragraph that is not to be wrapped
    # Warnings of what cannot be read, say: standard output is for results.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


for command in (
    clock,
    clocks,
    completion,
    config,
    dead_letters,
    demo,
    explain,
    policy,
    publish,
    registry,
    simulate,
    state,
    tail,
    topics,
    transparency,
    worker,
):
    commands.add_command(command)


def main() -> None:
    """Entry point: errors that a person can mend are one message, not a traceback."""
    try:
        commands.main(prog_name="tocsin", standalone_mode=True)
    except (SettingsError, RegistryError) as error:
        click.echo(f"error: {error}", err=True)
        if isinstance(error, UnreadableFile) and (setting := pointing_at(error.path, load_settings())):
            click.echo(f"{setting} points there: correct it, or unset it to use what is shipped.", err=True)
        sys.exit(EXIT_WRONG_INPUT)
    except RefusedToStart as error:
        click.echo(f"error: refused to start: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
