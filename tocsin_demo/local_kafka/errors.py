"""The error that this package raises."""

from __future__ import annotations

from streams.distribution import packages_missing


class LocalKafkaError(Exception):
    """The local broker could not be prepared, started or kept running; the message says what to do."""

    @classmethod
    def missing_package(cls, name: str) -> LocalKafkaError:
        """Return the error for a Python package of the demo extra that is not installed."""
        return cls(packages_missing("the local Kafka", "demo", name))
