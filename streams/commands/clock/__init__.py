"""`tocsin clock`: records what became of a legal clock, or of many."""

from streams.commands.clock.command import clock

__all__ = ["clock"]
