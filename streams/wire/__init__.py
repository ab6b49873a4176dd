"""How events are read from Kafka records and written to them: topics, envelopes, decoding, dead letters."""
