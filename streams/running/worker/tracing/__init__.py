"""Tracing with OpenTelemetry (`TOCSIN_TRACING=on`): a span per transaction, linked to publishers."""
