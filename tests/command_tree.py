"""The commands below a group of `tocsin`, imported."""

from collections.abc import Iterator

import click


def groups(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Group]]:
    """A group and all below it, each with the words that lead to it."""
    yield path, group
    for name in group.list_commands(click.Context(group)):
        if isinstance(command := subcommand(group, name), click.Group):
            yield from groups(command, (*path, name))


def leaves(group: click.Group) -> list[tuple[str, ...]]:
    """The words that lead to each command that does something by itself."""
    return [
        (*path, name)
        for path, each in groups(group)
        for name in each.list_commands(click.Context(each))
        if not isinstance(below := subcommand(each, name), click.Group) or below.invoke_without_command
    ]


def subcommand(group: click.Group, name: str) -> click.Command | None:
    """The command that `name` calls in a group; None if there is none."""
    return group.get_command(click.Context(group), name)
