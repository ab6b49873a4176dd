"""`tocsin topics`."""

from streams.commands.topics.command import topics

__all__ = ["topics"]
