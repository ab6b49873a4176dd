"""`tocsin simulate`."""

from streams.commands.simulate.command import simulate

__all__ = ["simulate"]
