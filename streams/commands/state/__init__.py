"""`tocsin state`: show, check and reset the state that workers keep."""

from streams.commands.state.command import state

__all__ = ["state"]
