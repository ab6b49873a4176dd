"""The counts of every channel and category of a partition: most as bytes, those in use as objects."""

import struct
from collections.abc import Iterable, Iterator

import msgspec

from streams.contract.wire.times import DAY
from streams.counting.counts import ChannelCounts
from streams.counting.expiry import EXPIRY_DAY, day_in
from streams.counting.record_store import ExpiringStore
from streams.counting.windows import RINGS

DAYS_HELD = RINGS[-1].panes + RINGS[-1].late

# Objects per generation; two generations are kept. A ChannelCounts takes about ten times the memory of its
# bytes, and decoding one costs as much as a report, so those in use must stay decoded: 20,000 keys get most
# reports of a busy hour.
GENERATION = 20_000


class CountEntry(msgspec.Struct, gc=False):
    """Counts, and the day (days since the epoch) on which they expire, None before the first report."""

    counts: ChannelCounts
    expires: int | None


class UnreadableCounts(ValueError):
    """The bytes stored under a key of counts cannot be decoded as counts."""


def decode_entry(key: bytes, value: bytes) -> CountEntry:
    """Decode the state record of a key. Raises UnreadableCounts."""
    try:
        counts = ChannelCounts.decode(memoryview(value)[: -EXPIRY_DAY.size])
    except (ValueError, LookupError, struct.error) as error:
        raise UnreadableCounts(
            f"counts of state key type {key[:1]!r} cannot be read ({error}): run `tocsin state check` "
            "to find the record"
        ) from error
    return CountEntry(counts, day_in(value))


class CountStore(ExpiringStore[CountEntry]):
    """ChannelCounts by state key. A missing key means that nothing is counted."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(GENERATION)

    def new_entry(self) -> CountEntry:
        """Return an empty entry, which the store does not know before `counted`."""
        return CountEntry(ChannelCounts(), None)

    def find_all(self, prefix: bytes, suffixes: Iterable[bytes]) -> Iterator[tuple[bytes, CountEntry]]:
        """Yield the entries whose key is `prefix` and a suffix; faster than `find` if few exist."""
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
            self._expiry.move(known, expires)
            entry.expires = expires
        if key not in self._touched:
            self._touched[key] = entry
            self.changed_bytes += len(self._encoded.get(key, b""))

    def aged(self, key: bytes, entry: CountEntry) -> None:
        """Store that an entry that was found has moved on in time without counting a report."""
        self._touched[key] = entry

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
                self._expiry.move(entry.expires, None)
                self._forget(key)
                continue
            expires = newest // DAY + DAYS_HELD
            self._expiry.move(entry.expires, expires)
            entry.expires = expires
            self._touched[key] = entry

    def last_expiry(self) -> int | None:
        """Return the time (ms) at which the last entry expires; None without entries."""
        day = self._expiry.latest()
        return None if day is None else day * DAY

    def _with_day(self, key: bytes, record: CountEntry) -> bytes:  # noqa: ARG002
        assert record.expires is not None
        return record.counts.encode() + EXPIRY_DAY.pack(record.expires)

    def _day_of(self, key: bytes, record: CountEntry) -> int:  # noqa: ARG002
        assert record.expires is not None
        return record.expires

    def _decoded(self, key: bytes, value: bytes) -> CountEntry:
        return decode_entry(key, value)

    def _deleted(self) -> Iterable[bytes]:
        # With what was counted again: so does the native core, and so did earlier versions.
        return self._removed
