"""`tocsin config`."""

from streams.commands.config.command import config

__all__ = ["config"]
