"""The counts of every channel and category of a partition: most as bytes, those in use as objects."""

import struct
from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from streams.counting.counts import ChannelCounts
from streams.counting.expiry import ExpiryDays
from streams.counting.windows import RINGS
from streams.wire.state_records import require_version
from streams.wire.times import DAY

DAYS_HELD = RINGS[-1].panes

# Objects per generation; two generations are kept. A ChannelCounts takes about ten times the memory of its
# bytes, and decoding one costs as much as a report, so those in use must stay decoded: 20,000 keys get most
# reports of a busy hour.
GENERATION = 20_000

# The day of expiry follows the bytes of ChannelCounts.encode, so a restore need not decode the counts.
_EXPIRY_DAY = struct.Struct(">I")


class CountEntry(msgspec.Struct, gc=False):
    """Counts, and the day (days since the epoch) on which they expire, None before the first report."""

    counts: ChannelCounts
    expires: int | None


class UnreadableCounts(ValueError):
    """The bytes stored under a key of counts cannot be decoded as counts."""


def decode_entry(key: bytes, value: bytes) -> CountEntry:
    """Decode the state record of a key. Raises UnreadableCounts."""
    try:
        counts = ChannelCounts.decode(memoryview(value)[: -_EXPIRY_DAY.size])
    except (ValueError, LookupError, struct.error) as error:
        raise UnreadableCounts(
            f"counts of state key type {key[:1]!r} cannot be read ({error}): run `tocsin state check` "
            "to find the record"
        ) from error
    return CountEntry(counts, _EXPIRY_DAY.unpack(value[-_EXPIRY_DAY.size :])[0])


class CountStore:
    """ChannelCounts by state key. A missing key means that nothing is counted.

    `size` is the number of bytes of all state records, keys included, as of the last `drain_changes`;
    `changed_bytes` about the number that the next one will yield: a record counts with its last size.
    """

    __slots__ = ("_encoded", "_expiry", "_new", "_old", "_removed", "_touched", "changed_bytes", "size")

    def __init__(self) -> None:
        self.size = 0
        self.changed_bytes = 0
        self._encoded: dict[bytes, bytes] = {}
        self._new: dict[bytes, CountEntry] = {}
        self._old: dict[bytes, CountEntry] = {}
        self._touched: dict[bytes, CountEntry] = {}
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

    def new_entry(self) -> CountEntry:
        """Return an empty entry, which the store does not know before `counted`."""
        return CountEntry(ChannelCounts(), None)

    def find(self, key: bytes) -> CountEntry | None:
        """Return the entry of a key; None if nothing is counted there."""
        return self._new.get(key) or self._recall(key)

    def find_all(self, prefix: bytes, suffixes: Iterable[bytes]) -> Iterator[tuple[bytes, CountEntry]]:
        """Yield the entries whose keys are `prefix` and one of the suffixes; faster than `find` if few exist."""
        encoded, touched = self._encoded, self._touched
        for key in [prefix + suffix for suffix in suffixes]:
            if key in encoded or key in touched:
                entry = self.find(key)
                assert entry is not None
                yield key, entry

    def counted(self, key: bytes, entry: CountEntry, occurred_ms: int) -> None:
        """Store that `entry`, found or new, has counted a report of `occurred_ms`."""
        expires = occurred_ms // DAY + DAYS_HELD
        known = entry.expires
        if known is None:
            self._remember(key, entry)
        if known is None or expires > known:
            self._expiry.move(key, known, expires)
            entry.expires = expires
        if key not in self._touched:
            self._touched[key] = entry
            self.changed_bytes += len(self._encoded.get(key, b""))

    def aged(self, key: bytes, entry: CountEntry) -> None:
        """Store that an entry that was found has moved on in time without counting a report."""
        self._touched[key] = entry

    def expire(self, now_ms: int, at_most: int) -> bool:
        """Remove so many of the entries that have expired by `now_ms`; return False if some are left."""
        for key in islice(self._expiry.pop(now_ms // DAY), at_most):
            self._remove(key)
        earliest = self.next_expiry()
        return earliest is None or earliest > now_ms

    def turn_back(self, now_ms: int) -> None:
        """Forget what was counted after the pane of `now_ms`, to which time was set back.

        Decodes every entry, some 10 us each: a quarter of a second for 20,000 channels.
        """
        # Sorted: after a restore the keys are in another order.
        for key in sorted(self._encoded.keys() | self._touched.keys()):
            entry = self.find(key)
            assert entry is not None
            assert entry.expires is not None
            if not entry.counts.turn_back(now_ms):
                continue
            newest = entry.counts.newest_pane_ms()
            if newest is None:
                self._expiry.remove(key, entry.expires)
                self._remove(key)
                continue
            expires = newest // DAY + DAYS_HELD
            self._expiry.move(key, entry.expires, expires)
            entry.expires = expires
            self._touched[key] = entry

    def next_expiry(self) -> int | None:
        """Return the time (ms) at which the next entry expires; None without entries."""
        day = self._expiry.earliest()
        return None if day is None else day * DAY

    def last_expiry(self) -> int | None:
        """Return the time (ms) at which the last entry expires; None without entries."""
        day = self._expiry.latest()
        return None if day is None else day * DAY

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the state records changed since the last call, with None for one to delete."""
        for key in self._removed:
            yield key, None
        for key, entry in self._touched.items():
            assert entry.expires is not None
            value = entry.counts.encode() + _EXPIRY_DAY.pack(entry.expires)
            before = self._encoded.get(key)
            self.size += len(value) + len(key) if before is None else len(value) - len(before)
            self._encoded[key] = value
            yield key, value
        self._removed = {}
        self._touched = {}
        self.changed_bytes = 0

    def _remove(self, key: bytes) -> None:
        self._new.pop(key, None)
        self._old.pop(key, None)
        self._touched.pop(key, None)
        value = self._encoded.pop(key, None)
        if value is not None:
            self.size -= len(key) + len(value)
            self._removed[key] = None

    def _recall(self, key: bytes) -> CountEntry | None:
        # A touched entry may have left both generations; its bytes are out of date then.
        entry = self._old.get(key) or self._touched.get(key)
        if entry is None:
            value = self._encoded.get(key)
            if value is None:
                return None
            entry = decode_entry(key, value)
        self._remember(key, entry)
        return entry

    def _remember(self, key: bytes, entry: CountEntry) -> None:
        if len(self._new) >= GENERATION:
            self._old = self._new
            self._new = {}
        self._new[key] = entry
