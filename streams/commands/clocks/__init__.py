"""`tocsin clocks`: lists the legal clocks that have not ended."""

from streams.commands.clocks.command import clocks

__all__ = ["clocks"]
