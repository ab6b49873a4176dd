"""Where a core keeps what a partition has much of."""

from collections.abc import Callable, Iterable, Mapping
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


Read = Callable[[bytes, bytes], None]
"""Reads a state record, given its key and value."""


def read_records(records: Iterable[tuple[bytes, bytes]], readers: Mapping[bytes, Read], other: Read) -> None:
    """Read state records: each with the reader of its type of key, or with `other` if there is none.

    Those of one type are read in their order. Raises what a reader raises.
    """
    for key, value in records:
        readers.get(key[:1], other)(key, value)


class Stores(NamedTuple):
    """What makes empty ones, and restores them. `ids` is told how many hashes to expect."""

    ids: Callable[[int], IdTable]
    counts: Callable[[], CountStore]
    messages: Callable[[], MessageStore]
    records: MakeRecordStore
    read: Callable[[Iterable[tuple[bytes, bytes]], Mapping[bytes, Read], Read], None]


IN_PYTHON = Stores(IdTable, CountStore, MessageStore, RecordStore, read_records)
