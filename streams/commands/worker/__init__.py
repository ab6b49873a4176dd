"""`tocsin worker`: run one worker process."""

from streams.commands.worker.command import worker

__all__ = ["worker"]
