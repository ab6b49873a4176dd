"""Entries of bundles as bytes, for the native core."""

from typing import Any

import msgspec

from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.records import DetachedRecord, SourceRecord
from streams.deciding.partition.reading import Bundled


def unread(bundled: Bundled[Any]) -> Bundled[msgspec.Raw]:
    """Return the same for entries that were not decoded: the native core reads most of them itself."""
    form = bundled.form

    def handle(batch: Any, raw: msgspec.Raw) -> None:
        bundled.handle(batch, form.entry(raw))

    def published(raw: msgspec.Raw) -> SourceRecord:
        try:
            return bundled.published(form.entry(raw))
        except Rejected:
            # No worker wrote it. Whoever looks at its dead letter finds at least the bytes.
            return DetachedRecord(form.topic, 0, 0, 0, None, bytes(raw), [])

    return Bundled(form.unread(), handle, published)
