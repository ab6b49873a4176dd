"""`tocsin completion`: prints the script that lets a shell complete commands, options and values."""

from streams.commands.completion.command import completion

__all__ = ["completion"]
