"""Measurements on a real Kafka: `python -m tests.bench`. The results are in docs/performance.md."""
