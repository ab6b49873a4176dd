"""`tocsin policy`: check policies, and back-test them with the reports in Kafka."""

from streams.commands.policy.command import policy

__all__ = ["policy"]
