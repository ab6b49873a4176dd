"""How do reports arrive from systems that write no Kafka? `tocsin intake`."""
