"""`tocsin outcome`: says what a desk decided about a message, a report or an escalation, or about many."""

from streams.commands.outcome.command import outcome

__all__ = ["outcome"]
