"""Reads events from Kafka records and writes them: topic names, envelopes, decoding, dead letters."""
