"""`tocsin completion`."""

from streams.commands.completion.command import completion

__all__ = ["completion"]
