"""`tocsin publish`: send events from a file or standard input to Kafka."""

from streams.commands.publish.command import publish

__all__ = ["publish"]
