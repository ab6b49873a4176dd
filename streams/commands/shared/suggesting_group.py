"""A group of commands that tells who mistypes a command which ones are close."""

import difflib
from collections.abc import Collection

import click


def did_you_mean(typed: str, known: Collection[str]) -> str:
    """The end of a message: which of the known words are spelled like `typed`. Empty if none is."""
    close = difflib.get_close_matches(typed, known)
    return f" Did you mean {', '.join(close)}?" if close else ""


class SuggestingGroup(click.Group):
    """`click.Group` whose error about an unknown command ends with those that are spelled like it."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            error.message += did_you_mean(args[0], self.list_commands(ctx))
            raise
