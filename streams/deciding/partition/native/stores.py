"""The stores of the native core: of counts, of messages, and of records of which Python knows the form."""

from collections.abc import Callable
from typing import cast

import tocsin_native

from streams.contract.events.reporter_notice import REPORTER_NOTICE_TYPE
from streams.contract.wire.envelope import headers_at
from streams.contract.wire.forms.reporter_notice import received_on
from streams.contract.wire.ids import NAMESPACE
from streams.contract.wire.state_records import require_version
from streams.contract.wire.topics import REPORTER_NOTICES
from streams.counting import message_store, sums
from streams.counting.message_store import MessageStore
from streams.counting.record_store import Kept, RecordStore
from streams.counting.store import CountStore, decode_entry
from streams.deciding.partition.id_table import IdTable
from streams.deciding.partition.stores import Stores


def native_id_table(expected: int = 0) -> IdTable:
    """Return a table of the native core, which has the methods of IdTable."""
    return cast(IdTable, tocsin_native.IdTable(expected))


def native_count_store() -> CountStore:
    """Return a store of the native core, which has the methods of CountStore."""
    store = tocsin_native.CountStore(decode_entry, require_version, sums)
    return cast(CountStore, store)


def native_message_store() -> MessageStore:
    """Return a store of the native core, which has the methods of MessageStore."""
    store = tocsin_native.MessageStore(message_store, REPORTER_NOTICES, NAMESPACE.bytes, _receipts_of)
    return cast(MessageStore, store)


def native_record_store(
    encode: Callable[[Kept], bytes],
    decode: Callable[[memoryview], Kept],
    generation: int = 1,  # noqa: ARG001
) -> RecordStore[Kept]:
    """Return a store of the native core, which has the methods of RecordStore.

    An object is one until it is written, so there are no generations.
    """
    return cast(RecordStore[Kept], tocsin_native.RecordStore(encode, decode, require_version))


def _receipts_of(day: int) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Return what follows `ce_source` in a receipt of a day, and the headers of one without an id."""
    ends, time = received_on(day)
    return ends, headers_at(REPORTER_NOTICE_TYPE, "", time)


IN_EXTENSION = Stores(
    native_id_table,
    native_count_store,
    native_message_store,
    native_record_store,
    tocsin_native.restore_records,
)
