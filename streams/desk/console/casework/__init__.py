"""What people may do with a case, and what their acts add up to.

Deterministic: no clock, no files, no Kafka.
"""
