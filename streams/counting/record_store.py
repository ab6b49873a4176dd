"""State records of one type that expire, by key: most as bytes, those in use as objects."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Generic, TypeVar

from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.contract.wire.times import DAY
from streams.counting.expiry import EXPIRY_DAY, ExpiryDays, day_in

# Objects per generation; two generations are kept. An object takes about ten times the memory of its bytes. A
# brigade or a wave concerns few messages at a time, and 2,000 of each kind are those of some minutes.
GENERATION: Final = 2_000

# About the bytes of a new record, for the limit of a batch.
_NEW_BYTES: Final = 64

# What a record takes beside key and bytes: the headers of two objects, rounded up, and a place in a dict.
_RECORD_OVERHEAD: Final = 130
# What it takes as an object besides, at least, and for each of its bytes.
_OBJECT_BYTES: Final = 900
_OBJECT_PER_BYTE: Final = 6

# Records looked at for each that may be removed. Looking takes .3 to .8 us, removing 2 to 6 us.
_SEEN_PER_REMOVED: Final = 5

Kept = TypeVar("Kept")


class ExpiringStore(ABC, Generic[Kept]):
    """State records by key, each of which is dropped on the day that follows its bytes.

    Two generations of `generation` records in use are kept as objects. `size` is the number of bytes of all
    state records, keys included, as of the last `drain_changes`; `changed_bytes` about the number that the
    next one will yield: a record counts with its last size.
    """

    __slots__ = (
        "_encoded", "_expiry", "_generation", "_new", "_old", "_removed", "_sweep", "_touched",
        "changed_bytes", "size",
    )  # fmt: skip

    def __init__(self, generation: int) -> None:
        self._generation = generation
        self.size = 0
        self.changed_bytes = 0
        self._encoded: dict[bytes, bytes] = {}
        self._new: dict[bytes, Kept] = {}
        self._old: dict[bytes, Kept] = {}
        # What was changed since the last `drain_changes`.
        self._touched: dict[bytes, Kept] = {}
        self._removed: dict[bytes, None] = {}
        self._expiry = ExpiryDays()
        self._sweep: Iterator[tuple[bytes, int]] | None = None

    def __len__(self) -> int:
        return len(self._encoded)

    @property
    def memory(self) -> int:
        """About the bytes that all records take in this process, as of the last `drain_changes`."""
        number = len(self)
        if not number:
            return 0
        each = _OBJECT_BYTES + _OBJECT_PER_BYTE * self.size // number
        return self.size + number * _RECORD_OVERHEAD + (len(self._new) + len(self._old)) * each

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore a record of the state topic. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        self._encoded[key] = value
        self.size += len(key) + len(value)
        self._expiry.move(None, day_in(value))

    def find(self, key: bytes) -> Kept | None:
        """Return the record of a key; None without one. Raises what `_decoded` raises for damaged bytes."""
        return self._new.get(key) or self._recall(key)

    def expire(self, now_ms: int, at_most: int) -> bool:
        """Remove so many of the records that have expired by `now_ms`; return False if some are left.

        One call goes on where the last one stopped looking for them.
        """
        today = now_ms // DAY
        if not self._has_expired(today):
            return True
        if self._sweep is None:
            self._sweep = self._dated()
        removed = 0
        for seen, (key, day) in enumerate(self._sweep, 1):
            # It may have been stored anew since the key was listed.
            if day <= today and (expires := self._expires(key)) is not None and expires <= today:
                self._expiry.move(expires, None)
                self._forget(key)
                removed += 1
                if not self._has_expired(today):
                    self._sweep = None
                    return True
            if removed >= at_most or seen >= at_most * _SEEN_PER_REMOVED:
                return False
        self._sweep = None
        return False

    def next_expiry(self) -> int | None:
        """Return the time (ms) at which the next record expires; None without records."""
        day = self._expiry.earliest()
        return None if day is None else day * DAY

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the state records changed since the last call, with None for one to delete."""
        for key in self._deleted():
            yield key, None
        encoded, with_day = self._encoded, self._with_day
        for key, record in self._touched.items():
            value = with_day(key, record)
            before = encoded.get(key)
            self.size += len(value) + len(key) if before is None else len(value) - len(before)
            encoded[key] = value
            yield key, value
        self._removed = {}
        self._touched = {}
        self.changed_bytes = 0

    @abstractmethod
    def _with_day(self, key: bytes, record: Kept) -> bytes:
        """Return the bytes of a touched record: version, record, day of expiry (`EXPIRY_DAY`)."""

    @abstractmethod
    def _day_of(self, key: bytes, record: Kept) -> int:
        """Return the day on which a touched record expires."""

    @abstractmethod
    def _decoded(self, key: bytes, value: bytes) -> Kept:
        """Return the record in the bytes of `_with_day`."""

    def _deleted(self) -> Iterable[bytes]:
        """Return the keys to delete before what was touched is written."""
        # What was removed and put again stays in `_removed`: it may be removed once more, and the topic still
        # has it.
        return [key for key in self._removed if key not in self._touched]

    def _value(self, key: bytes) -> bytes | None:
        """Return the bytes of a record as they were last written."""
        return self._encoded.get(key)

    def _drop(self, key: bytes) -> bytes | None:
        """Remove the bytes of a record, and return them."""
        value = self._encoded.pop(key, None)
        if value is not None:
            self.size -= len(key) + len(value)
        return value

    def _dated(self) -> Iterator[tuple[bytes, int]]:
        """Yield the key and day of expiry of every record; they may change meanwhile."""
        for key in list(self._encoded):
            value = self._encoded.get(key)
            if value is not None:
                yield key, day_in(value)
        yield from [(key, self._day_of(key, record)) for key, record in self._touched.items()]

    def _expires(self, key: bytes) -> int | None:
        """Return the day on which a record expires; None without one."""
        record = self._touched.get(key)
        if record is not None:
            return self._day_of(key, record)
        value = self._value(key)
        return None if value is None else day_in(value)

    def _has_expired(self, today: int) -> bool:
        earliest = self._expiry.earliest()
        return earliest is not None and earliest <= today

    def _forget(self, key: bytes) -> None:
        self._new.pop(key, None)
        self._old.pop(key, None)
        self._touched.pop(key, None)
        if self._drop(key) is not None:
            self._removed[key] = None

    def _recall(self, key: bytes) -> Kept | None:
        # A touched record may have left both generations; its bytes are out of date then.
        record = self._old.get(key)
        if record is None:
            record = self._touched.get(key)
        if record is None:
            value = self._value(key)
            if value is None:
                return None
            record = self._decoded(key, value)
        self._remember(key, record)
        return record

    def _remember(self, key: bytes, record: Kept) -> None:
        if len(self._new) >= self._generation and key not in self._new:
            self._old = self._new
            self._new = {}
        self._new[key] = record


class RecordStore(ExpiringStore[Kept]):
    """Records by state key. Call `put` after changing one.

    `encode` and `decode` are those of the record, without version; `decode` raises msgspec.DecodeError,
    struct.error or LookupError for damaged bytes.
    """

    __slots__ = ("_days", "_decode", "_encode", "_written")

    def __init__(
        self,
        encode: Callable[[Kept], bytes],
        decode: Callable[[memoryview], Kept],
        generation: int = GENERATION,
    ) -> None:
        super().__init__(generation)
        self._encode = encode
        self._decode = decode
        # The days of expiry of what was touched; of all others the day is in the bytes.
        self._days: dict[bytes, int] = {}
        # What was stored encoded since the last `drain_changes`, and whether the topic has such a record.
        self._written: dict[bytes, bool] = {}

    def __iter__(self) -> Iterator[bytes]:
        """Yield all keys."""
        yield from self._encoded
        yield from [key for key in self._touched if key not in self._encoded]

    def put(self, key: bytes, record: Kept, expires_ms: int) -> None:
        """Store a new or changed record; it is dropped on the day (UTC) after `expires_ms` at the latest."""
        known: int | None = None
        if key in self._touched:
            known = self._days[key]
        elif (value := self._encoded.get(key)) is not None:
            known = day_in(value)
            self.changed_bytes += 0 if key in self._written else len(value)
        else:
            self.changed_bytes += _NEW_BYTES
        day = -(-expires_ms // DAY)
        if day != known:
            self._expiry.move(known, day)
        self._touched[key] = record
        self._days[key] = day
        self._remember(key, record)

    def encoded(self, key: bytes) -> bytes | None:
        """Return the record of a key as the next `drain_changes` would write it; None without one."""
        record = self._touched.get(key)
        if record is None:
            return self._encoded.get(key)
        return STATE_VERSION + self._encode(record) + EXPIRY_DAY.pack(self._days[key])

    def put_encoded(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Store new or changed records that somebody else has encoded, as `encoded` returns them."""
        for key, value in records:
            before = self._encoded.get(key)
            known: int | None = None
            if self._touched.pop(key, None) is not None:
                known = self._days.pop(key)
            elif before is not None:
                known = day_in(before)
                self.changed_bytes += 0 if key in self._written else len(before)
            else:
                self.changed_bytes += _NEW_BYTES
            day = day_in(value)
            if day != known:
                self._expiry.move(known, day)
            # Objects are out of date now.
            self._new.pop(key, None)
            self._old.pop(key, None)
            # If it is removed once more, that is noted again.
            is_in_topic = before is not None or key in self._removed
            self._removed.pop(key, None)
            self._written.setdefault(key, is_in_topic)
            self.size += len(key) + len(value) if before is None else len(value) - len(before)
            self._encoded[key] = value

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the state records changed since the last call, with None for one to delete."""
        written, self._written = self._written, {}
        for key in written:
            if key not in self._touched:
                yield key, self._encoded[key]
        yield from super().drain_changes()

    def remove(self, key: bytes) -> None:
        """Remove the record of a key."""
        day = self._expires(key)
        if day is not None:
            self._expiry.move(day, None)
            self._forget(key)

    def _forget(self, key: bytes) -> None:
        super()._forget(key)
        if not self._written.pop(key, True):
            # The topic has never had it.
            self._removed.pop(key, None)

    def _with_day(self, key: bytes, record: Kept) -> bytes:
        return STATE_VERSION + self._encode(record) + EXPIRY_DAY.pack(self._days.pop(key))

    def _day_of(self, key: bytes, record: Kept) -> int:  # noqa: ARG002
        return self._days[key]

    def _decoded(self, key: bytes, value: bytes) -> Kept:  # noqa: ARG002
        return self._decode(memoryview(value)[len(STATE_VERSION) : -EXPIRY_DAY.size])
