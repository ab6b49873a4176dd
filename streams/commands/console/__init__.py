"""`tocsin console`."""

from streams.commands.console.command import console

__all__ = ["console"]
