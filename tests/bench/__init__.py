"""Measurements on a real Kafka: `python -m tests.bench`. What they found is in docs/performance.md."""
