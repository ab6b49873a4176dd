"""`tocsin demo` and `tocsin simulate`, the traffic they make up, and a real Kafka that needs no installation.

Nothing in `streams` imports this package, and the container image does without it.
"""
