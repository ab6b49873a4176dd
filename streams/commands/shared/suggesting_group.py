"""A group of commands that tells who mistypes a command which ones are close."""

import difflib

import click


class SuggestingGroup(click.Group):
    """`click.Group` whose error about an unknown command ends with those that are spelled like it."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if close := difflib.get_close_matches(args[0], self.list_commands(ctx)):
                error.message += f" Did you mean {', '.join(close)}?"
            raise
