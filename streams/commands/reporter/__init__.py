"""`tocsin reporter`: what is known of a reporter."""

from streams.commands.reporter.command import reporter

__all__ = ["reporter"]
