"""`tocsin publish`."""

from streams.commands.publish.command import publish

__all__ = ["publish"]
