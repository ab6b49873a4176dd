"""`tocsin state`: show, check, save, restore, move and reset the state that workers keep."""

from streams.commands.state.command import state

__all__ = ["state"]
