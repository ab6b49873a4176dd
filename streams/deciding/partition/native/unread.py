"""Entries of bundles as bytes, for the native core."""

from typing import Any

import msgspec

from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.records import SourceRecord, in_place_of
from streams.deciding.partition.batch import Apply
from streams.deciding.partition.reading import Bundled


def unread(bundled: Bundled[Any], apply: Apply) -> Bundled[msgspec.Raw]:
    """Return the same for entries that were not decoded: `apply` reads most of them itself."""
    form = bundled.form

    def handle(batch: Any, raw: msgspec.Raw) -> None:
        bundled.handle(batch, form.entry(raw))

    def published(raw: msgspec.Raw, bundle: SourceRecord) -> SourceRecord:
        try:
            return bundled.published(form.entry(raw), bundle)
        except Rejected:
            # No worker wrote it. Whoever looks at its dead letter finds at least the bytes.
            return in_place_of(bundle, None, bytes(raw), [])

    return Bundled(form.unread(), handle, published, apply)
