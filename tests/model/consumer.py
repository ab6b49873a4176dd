"""What a consumer in simulated time has in common with Faust's."""

import asyncio
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.running.log.fetched import Fetched
from streams.running.patches.fetched_range import FetchedRange


class PausableConsumer:
    """Knows what was fetched, and which sources rest. A subclass fetches, and has `wake`."""

    def __init__(self) -> None:
        self._paused: set[TP] = set()
        self._known: dict[TP, Fetched] = {}

    def fetched(self, tp: TP) -> Fetched | None:
        """How far it was fetched."""
        return self._known.get(tp)

    def rest(self, tp: TP) -> Awaitable[None]:
        """Fetch nothing of it."""
        self._paused.add(tp)
        return asyncio.sleep(0)


def event_of(tp: TP, records: FetchedRange, generation: int) -> Any:
    """The event that Faust makes of a fetch in a generation of the group."""
    message = SimpleNamespace(
        topic=tp.topic,
        partition=tp.partition,
        generation_id=generation,
        serialized_value_size=records.memory,
    )
    return SimpleNamespace(message=message, value=records, ack=lambda: None)
