"""`tocsin simulate`: publish made-up traffic."""

from streams.commands.simulate.command import simulate

__all__ = ["simulate"]
