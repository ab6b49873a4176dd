"""`tocsin dead-letters`: what could not be read, why, and driving it in again."""

from streams.commands.dead_letters.command import dead_letters

__all__ = ["dead_letters"]
