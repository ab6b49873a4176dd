"""The reporters of a partition, as bytes; those that the current batch has changed, as objects."""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Final

from streams.counting.expiry import ExpiryDays
from streams.reporters.reporter import Reporter, decode_reporter, encode_reporter
from streams.wire.state_records import require_version
from streams.wire.times import DAY

# Without an outcome nothing of a reporter matters any more after this time: the signature holds two weeks, a target is open
# for one, and activity is counted for one. So forgetting changes no stamp.
QUIET_DAYS: Final = 22

# Four periods of 90 days: the newest outcome then counts for a sixteenth. It must be longer than an outcome can be
# superseded (180 days, counting/attribution.py) and its credit wait in a topic (14 days): what a credit takes back must
# still be there.
SILENT_DAYS: Final = 360

# The day of expiry follows the bytes of the reporter, so a restore need not decode any.
_EXPIRY_DAY = struct.Struct(">I")

# About the bytes of a new reporter's state record, for the limit of a batch.
_NEW_BYTES: Final = 64


class ReporterStore:
    """Reporters by state key. `size` is the number of bytes of all records, as of the last `drain_changes`.

    `changed_bytes` is about the number that the next one will yield.
    """

    __slots__ = ("_encoded", "_expiry", "_removed", "_touched", "changed_bytes", "size")

    def __init__(self) -> None:
        self.size = 0
        self.changed_bytes = 0
        self._encoded: dict[bytes, bytes] = {}
        # With the day of expiry.
        self._touched: dict[bytes, tuple[Reporter, int]] = {}
        self._removed: dict[bytes, None] = {}
        self._expiry = ExpiryDays()

    def __len__(self) -> int:
        return len(self._encoded)

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore a record of the state topic. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        self._encoded[key] = value
        self.size += len(key) + len(value)
        self._expiry.move(key, None, _EXPIRY_DAY.unpack(value[-_EXPIRY_DAY.size :])[0])

    def find(self, key: bytes) -> Reporter | None:
        """Return a reporter; None if nothing is known. Raises msgspec.DecodeError for damaged bytes."""
        touched = self._touched.get(key)
        if touched is not None:
            return touched[0]
        value = self._encoded.get(key)
        return None if value is None else decode_reporter(memoryview(value)[: -_EXPIRY_DAY.size])

    def put(self, key: bytes, reporter: Reporter, now_ms: int) -> None:
        """Store a reporter, found or new, who reported or was credited at `now_ms`, the partition's time."""
        expires = now_ms // DAY + (SILENT_DAYS if reporter.sums else QUIET_DAYS)
        touched = self._touched.get(key)
        if touched is not None:
            before: int | None = touched[1]
        else:
            value = self._encoded.get(key)
            if value is None:
                before = None
                self.changed_bytes += _NEW_BYTES
            else:
                (before,) = _EXPIRY_DAY.unpack(value[-_EXPIRY_DAY.size :])
                self.changed_bytes += len(value)
        if before != expires:
            self._expiry.move(key, before, expires)
        elif touched is not None:
            return
        self._touched[key] = (reporter, expires)

    def expire(self, now_ms: int, at_most: int) -> bool:
        """Forget so many of the reporters who have expired by `now_ms`; return False if some are left."""
        for key in islice(self._expiry.pop(now_ms // DAY), at_most):
            self._touched.pop(key, None)
            value = self._encoded.pop(key, None)
            if value is not None:
                self.size -= len(key) + len(value)
                self._removed[key] = None
        earliest = self.next_expiry()
        return earliest is None or earliest > now_ms

    def next_expiry(self) -> int | None:
        """Return the time (ms) at which the next reporter expires; None without reporters."""
        day = self._expiry.earliest()
        return None if day is None else day * DAY

    def turn_back(self, now_ms: int) -> None:
        """Bring every reporter back to `now_ms`, to which time was set back. Decodes each, some 3 us."""
        for key in sorted(self._encoded.keys() | self._touched.keys()):
            reporter = self.find(key)
            assert reporter is not None
            if reporter.turn_back(now_ms):
                self.put(key, reporter, now_ms)

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the state records changed since the last call, with None for one to delete."""
        touched, self._touched = self._touched, {}
        for key in self._removed:
            if key not in touched:
                yield key, None
        self._removed = {}
        self.changed_bytes = 0
        for key, (reporter, expires) in touched.items():
            value = encode_reporter(reporter) + _EXPIRY_DAY.pack(expires)
            before = self._encoded.get(key)
            self.size += len(value) + len(key) if before is None else len(value) - len(before)
            self._encoded[key] = value
            yield key, value
