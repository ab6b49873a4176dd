"""Transparency reports: numbers for everybody, and nobody in them."""

from streams.commands.transparency.command import transparency

__all__ = ["transparency"]
