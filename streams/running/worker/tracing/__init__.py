"""Tracing with OpenTelemetry (`TOCSIN_TRACING=on`): a span for each transaction, linked to the traces of publishers."""
