"""`tocsin outcome`: the command."""

import click

from streams.commands.outcome.import_file import import_file
from streams.commands.outcome.record import record
from streams.commands.shared.suggesting_group import SuggestingGroup


@click.group(cls=SuggestingGroup)
def outcome() -> None:
    """Say what was decided about a message, a report or an escalation, or about many.

    Outcomes go to moderation-outcomes. docs/decisions.md explains the fields and lists the reasons.
    """


outcome.add_command(record)
outcome.add_command(import_file)
