"""`tocsin transparency`: numbers for transparency reports that identify no one."""

from streams.commands.transparency.command import transparency

__all__ = ["transparency"]
