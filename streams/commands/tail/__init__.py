"""`tocsin tail`."""

from streams.commands.tail.command import tail

__all__ = ["tail"]
