"""How far decisions were read when a report was applied: no log but the report's own header says it."""

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from streams.contract.wire.origin import is_internal
from streams.contract.wire.records import Headers, SourceRecord
from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.deciding.partition.moving import NewPartition, Shared
from streams.deciding.partition.replay import decisions_headers

DECISIONS_READ: Final = b"O"
"""State key of how far decisions were read. The key is the type alone."""

# Reports applied before the newest decision, and the next offsets of both topics.
_STORED: Final = struct.Struct(">QQQ")


class DecisionsRead:
    """Where the next decisions are, in the topic of outcomes and among what was passed on to the partition.

    `after` is the number of reports that were applied before the newest decision, -1 without any. Decisions
    are outcomes of moderation about channels at home here, also those that were refused or known already, and
    pauses of reporters: what changes how later reports are weighed or decided, and moves no time.
    """

    __slots__ = ("_changed", "_passed_on", "_published", "after")

    def __init__(self) -> None:
        self.after = -1
        self._published = self._passed_on = 0
        self._changed = False

    def note(self, record: SourceRecord, applied: int) -> None:
        """Note a decision that is read after so many reports were applied."""
        if is_internal(record):
            self._passed_on = record.offset + 1
        else:
            self._published = record.offset + 1
        self.after = applied
        self._changed = True

    def headers(self) -> Headers:
        """Return the headers of the first report after the newest decision."""
        return decisions_headers(self._published, self._passed_on)

    def drain_change(self) -> tuple[bytes, bytes] | None:
        """Return the state record if it changed since the last call."""
        if not self._changed:
            return None
        self._changed = False
        return DECISIONS_READ, STATE_VERSION + _STORED.pack(self.after, self._published, self._passed_on)

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore from the state record. Raises UnknownStateVersion."""
        require_version(key, value)
        self.after, self._published, self._passed_on = _STORED.unpack_from(value, 1)


def forget_decisions(_new: NewPartition, _shared: Sequence[Shared]) -> Mapping[bytes, bytes]:
    """Return nothing for a new partition: offsets of the old ones say nothing about its topics."""
    return {}
