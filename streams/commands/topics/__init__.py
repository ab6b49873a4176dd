"""`tocsin topics`: create the topics, or compare them with the catalogue."""

from streams.commands.topics.command import topics

__all__ = ["topics"]
