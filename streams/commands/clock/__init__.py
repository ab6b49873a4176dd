"""`tocsin clock`."""

from streams.commands.clock.command import clock

__all__ = ["clock"]
