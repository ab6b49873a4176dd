"""`tocsin demo`: plays six hours of made-up traffic on a real Kafka with a real worker."""

from streams.commands.demo.command import demo

__all__ = ["demo"]
