"""`tocsin clocks`."""

from streams.commands.clocks.command import clocks

__all__ = ["clocks"]
