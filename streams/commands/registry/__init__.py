"""The registry as a lawyer reads it."""

from streams.commands.registry.command import registry

__all__ = ["registry"]
