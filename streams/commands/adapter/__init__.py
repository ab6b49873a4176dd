"""`tocsin adapter`."""

from streams.commands.adapter.command import adapter

__all__ = ["adapter"]
