"""The store of counts of the native core."""

from typing import cast

import tocsin_native

from streams.contract.wire.state_records import require_version
from streams.counting.store import CountStore, decode_entry
from streams.counting.sums import NOT_STAMPED, WindowCounts


def native_count_store() -> CountStore:
    """Return a store with the methods of CountStore, which the native core reads and changes too."""
    store = tocsin_native.CountStore(decode_entry, require_version, WindowCounts, NOT_STAMPED)
    return cast(CountStore, store)
