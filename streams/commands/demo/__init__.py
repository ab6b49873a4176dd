"""`tocsin demo`: the whole of Tocsin at work on a made-up day, on a real Kafka."""

from streams.commands.demo.command import demo

__all__ = ["demo"]
