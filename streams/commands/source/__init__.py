"""`tocsin source`: pause, resume or skip the records of a source topic."""

from streams.commands.source.command import source

__all__ = ["source"]
