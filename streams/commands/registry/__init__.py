"""`tocsin registry`: check the law in the registry, and show what applies where."""

from streams.commands.registry.command import registry

__all__ = ["registry"]
