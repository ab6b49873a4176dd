"""Where a core keeps what a partition has much of."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from streams.counting.message_store import MessageStore
from streams.counting.record_store import RecordStore
from streams.counting.store import CountStore
from streams.deciding.partition.id_table import IdTable


class MakeRecordStore(Protocol):
    """Makes an empty store of records that have the functions `encode` and `decode`; see RecordStore."""

    def __call__(
        self, encode: Callable[[Any], bytes], decode: Callable[[memoryview], Any], generation: int = ...
    ) -> RecordStore[Any]:
        """Return the store."""


class Stores(NamedTuple):
    """What makes empty ones. `ids` is told how many hashes to expect."""

    ids: Callable[[int], IdTable]
    counts: Callable[[], CountStore]
    messages: Callable[[], MessageStore]
    records: MakeRecordStore


IN_PYTHON = Stores(IdTable, CountStore, MessageStore, RecordStore)
