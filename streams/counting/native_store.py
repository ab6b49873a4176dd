"""The store of counts of the native core."""

from typing import cast

import tocsin_native

from streams.contract.wire.state_records import require_version
from streams.counting import sums
from streams.counting.store import CountStore, decode_entry


def native_count_store() -> CountStore:
    """Return a store of the native core, which has the methods of CountStore."""
    store = tocsin_native.CountStore(decode_entry, require_version, sums)
    return cast(CountStore, store)
