"""`tocsin explain`."""

from streams.commands.explain.command import explain

__all__ = ["explain"]
