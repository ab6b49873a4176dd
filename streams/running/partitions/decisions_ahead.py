"""Finds operators' decisions behind the record that holds up the log in which they are."""

from collections.abc import Callable
from typing import Any

from aiokafka import TopicPartition

from streams.running.log.log import Reader
from streams.running.log.reading import records_between


class DecisionsAhead:
    """The decisions that were found between the position and the end of an internal log.

    Each look goes on where the last one ended: a partition that is set aside for days has a long log.
    """

    __slots__ = ("_next", "found")

    def __init__(self) -> None:
        self.found: list[Any] = []
        self._next = 0

    async def look(
        self, consumer: Reader, log: TopicPartition, begin: int, is_decision: Callable[[Any], bool]
    ) -> None:
        """Read a log from `begin`, or from the last end on, to its end. Raises KafkaError."""
        end = (await consumer.end_offsets([log]))[log]
        async for record in records_between(consumer, log, max(begin, self._next), end):
            if is_decision(record):
                self.found.append(record)
        self._next = max(self._next, end)
