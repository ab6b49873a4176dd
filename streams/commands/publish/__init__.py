"""`tocsin publish`: send events from a file or standard input to Kafka."""
