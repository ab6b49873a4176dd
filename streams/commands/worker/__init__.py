"""`tocsin worker`."""

from streams.commands.worker.command import worker

__all__ = ["worker"]
