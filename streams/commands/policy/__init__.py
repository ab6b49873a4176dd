"""Policies: whether they are usable, and what they would have done."""

from streams.commands.policy.command import policy

__all__ = ["policy"]
