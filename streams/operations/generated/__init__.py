"""Writes the generated files: JSON Schemas, docs/metrics.md and the dashboard."""
