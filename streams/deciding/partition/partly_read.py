"""How far a bundle is applied in which a batch ended."""

import struct
from typing import Final

from streams.contract.wire.records import SourceRecord
from streams.contract.wire.state_records import STATE_VERSION, require_version

PARTLY_READ: Final = b"I"
"""State key of how far a bundle is applied; only of a partition whose last batch ended inside of one."""

_PLACE: Final = struct.Struct(">QQI")


class PartlyRead:
    """How many entries are applied of the bundle after the position: 0, unless a batch ended inside of it.

    A batch ends there if its limits are reached: one entry may lead to more due steps than a transaction
    holds. It is state, not part of the position: it is committed with the position all the same, and what
    runs the stages need not know that a record can be applied in part. `offset` and `appended` name the
    bundle, so it cannot be mistaken for another one if an operator creates the topic anew.
    """

    __slots__ = ("_changed", "appended", "entries", "offset")

    def __init__(self) -> None:
        self.offset = self.appended = self.entries = 0
        self._changed = False

    def of(self, record: SourceRecord) -> int:
        """Return how many entries of this bundle are applied."""
        known = self.entries and (self.offset, self.appended) == (record.offset, record.timestamp)
        return self.entries if known else 0

    def stop(self, record: SourceRecord, entries: int) -> None:
        """Note that a batch ends after so many entries of a bundle."""
        self.offset, self.appended, self.entries = record.offset, record.timestamp, entries
        self._changed = True

    def pass_over(self) -> None:
        """Note that no bundle is read in part any more."""
        if self.entries:
            self.offset = self.appended = self.entries = 0
            self._changed = True

    def drain_change(self) -> tuple[bytes, bytes | None] | None:
        """Return the state record if it changed since the last call, with None for one to delete."""
        if not self._changed:
            return None
        self._changed = False
        packed = STATE_VERSION + _PLACE.pack(self.offset, self.appended, self.entries)
        return PARTLY_READ, packed if self.entries else None

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore the record. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        self.offset, self.appended, self.entries = _PLACE.unpack_from(value, 1)


def moved_bundle(value: bytes, before: int, offset: int, appended: int) -> bytes | None:
    """Return a PARTLY_READ record for a log in which the bundle has another `offset` and append time (ms).

    `before` is the offset of the bundle in the log in which it was read in part. Return None if `value` names
    another one. Raises UnknownStateVersion.
    """
    partly = PartlyRead()
    partly.restore(PARTLY_READ, value)
    if partly.offset != before:
        return None
    return STATE_VERSION + _PLACE.pack(offset, appended, partly.entries)
