"""What is one case, what people may do with it, and what their acts add up to.

Deterministic: no clock, no files, no Kafka.
"""
