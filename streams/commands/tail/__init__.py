"""`tocsin tail`: prints the records of a topic as they arrive."""

from streams.commands.tail.command import tail

__all__ = ["tail"]
