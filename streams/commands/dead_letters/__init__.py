"""`tocsin dead-letters`: lists records that were refused, shows why, and sends them again."""

from streams.commands.dead_letters.command import dead_letters

__all__ = ["dead_letters"]
