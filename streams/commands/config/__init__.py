"""`tocsin config show`: lists every setting, its value and its meaning."""

from streams.commands.config.command import config

__all__ = ["config"]
