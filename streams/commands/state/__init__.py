"""`tocsin state`: what the workers remember, whether it is sound, and forgetting it."""

from streams.commands.state.command import state

__all__ = ["state"]
