"""The keys under which the reporters in a partition's counts are hashed.

After a change of the key the counts still have reporters hashed with the earlier one. Tocsin does not keep
refs, so it can rehash a reporter only when the next report of theirs arrives: it then looks them up under the
earlier key too, and moves them over to the current one before they are counted. So nobody counts twice, and
nobody is forgotten. After 31 days no window reaches back to the change, and the earlier key is not needed any
more.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final

import msgspec

from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.state_records import STATE_VERSION, UnknownHashKey, require_version
from streams.contract.wire.times import DAY
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.counting.store import DAYS_HELD, CountStore
from streams.deciding.partition.hash_key import UNKEYED, HashKey, HashKeys
from streams.deciding.partition.moving import NewPartition, Shared
from streams.deciding.partition.state import time_of

REPORTER_KEYS = b"H"
"""State key of the one record about keys. It holds their ids, never the keys."""

# In ms; damaged bytes must not give a time that cannot be formatted.
_YEAR_10000: Final = 253_402_300_800_000
# id of the key of new hashes; the earlier keys by id, as in ReporterKeys.earlier
_Stored = tuple[str, dict[str, Annotated[int, msgspec.Meta(ge=0, lt=_YEAR_10000)]]]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Stored).decode


class ReporterKeys:
    """The keys of one partition.

    `reporter_hash` hashes a ref with the current key. `earlier` has the ids of other keys that the counts may
    have hashes of, each with the time (ms) from which on no window reaches back to one.
    """

    __slots__ = ("_changed", "_earlier_hashes", "_keys", "_stored", "earlier", "reporter_hash")

    def __init__(self, keys: HashKeys) -> None:
        self._keys = keys
        self.reporter_hash = keys.current.reporter_hash
        self.earlier: Mapping[str, int] = {}
        self._earlier_hashes: Sequence[Callable[[str], int]] = ()
        self._stored: _Stored | None = None
        self._changed = True

    @property
    def current(self) -> str:
        """The id of the key of new hashes."""
        return self._keys.current.id

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore the record. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        self._stored = _decode(memoryview(value)[1:])

    def settle(self, counts: CountStore) -> None:
        """Find out which earlier keys the restored `counts` need; call it after everything is restored.

        Raises UnknownHashKey if a key that they need is not given.
        """
        last_expiry = counts.last_expiry()
        needed: dict[str, int] = {}
        if last_expiry is not None:
            # Counts without a record were written before there were keys.
            used, earlier = self._stored or (UNKEYED.id, {})
            needed = {**earlier, used: last_expiry}
            needed.pop(self.current, None)
        self._need(needed)
        self._changed = self._stored != (self.current, needed)

    def forget(self, time: int) -> None:
        """Forget the earlier keys that are not needed any more at `time` (ms)."""
        needed = {key: until for key, until in self.earlier.items() if until > time}
        if len(needed) < len(self.earlier):
            self._need(needed)
            self._changed = True

    def hash_before(self, ref: str) -> int | None:
        """Return the hash of a ref under the previous key; None if no such key is given.

        Unlike counts, what is known of reporters is needed for longer than 31 days, and it is not in this
        partition.
        """
        previous = self._keys.previous
        return None if previous is None else previous.reporter_hash(ref)

    def move_over(
        self, counts: CountStore, channel_key: bytes, suffixes: Sequence[bytes], ref: str, hashed: int
    ) -> None:
        """Move a reporter who is counted in a channel under an earlier key to `hashed`, the current hash.

        In all categories (`suffixes` are the ends of their state keys), although the report is about one: the
        reporter would count twice in a policy over several categories otherwise.
        """
        earlier = [earlier_hash(ref) for earlier_hash in self._earlier_hashes]
        for key, entry in counts.find_all(CHANNEL_COUNTS + channel_key, suffixes):
            for before in earlier:
                if entry.counts.rename_reporter(before, hashed):
                    counts.aged(key, entry)

    def drain_change(self) -> bytes | None:
        """Return the record if it changed since the last call, else None."""
        if not self._changed:
            return None
        self._changed = False
        return STATE_VERSION + _encode((self.current, self.earlier))

    def _need(self, needed: Mapping[str, int]) -> None:
        previous = self._keys.previous
        known = {key.id: key for key in (UNKEYED, previous) if key is not None}
        unknown = {key: until for key, until in needed.items() if key not in known}
        if unknown:
            raise UnknownHashKey(_refusal(self._keys.current, previous, unknown))
        self.earlier = needed
        self._earlier_hashes = tuple(known[key].reporter_hash for key in needed)


def current_key_id(value: bytes) -> str:
    """Return the id of the key of new hashes from a record.

    Raises UnknownStateVersion or msgspec.DecodeError.
    """
    require_version(REPORTER_KEYS, value)
    stored: _Stored = _decode(memoryview(value)[1:])
    return stored[0]


def merge_keys(_new: NewPartition, shared: Sequence[Shared]) -> dict[bytes, bytes]:
    """Return the record of a new partition, whose counts may come from any of the old ones.

    The current key is that of the old partition with the latest time; the others are needed as long as their
    counts.
    """
    used: dict[str, int] = {}
    earlier: dict[str, int] = {}
    for one in sorted(shared, key=time_of):
        value = one.entries.get(REPORTER_KEYS)
        if value is None and CHANNEL_COUNTS not in one.key_types:
            continue
        if value is None:
            # Written before there were keys.
            stored: _Stored = (UNKEYED.id, {})
        else:
            require_version(REPORTER_KEYS, value)
            stored = _decode(memoryview(value)[1:])
        current, needed = stored
        used.pop(current, None)
        used[current] = (time_of(one) // DAY + DAYS_HELD) * DAY
        for key, until in needed.items():
            earlier[key] = max(until, earlier.get(key, 0))
    if not used:
        return {}
    *others, current = used
    for key in others:
        earlier[key] = max(used[key], earlier.get(key, 0))
    earlier.pop(current, None)
    return {REPORTER_KEYS: STATE_VERSION + _encode((current, earlier))}


def _refusal(current: HashKey, previous: HashKey | None, unknown: Mapping[str, int]) -> str:
    listed = " and ".join(f"{key} (until {rfc3339(until)})" for key, until in unknown.items())
    given = f"TOCSIN_HASH_KEY is {current.id}"
    if previous is not None:
        given += f", TOCSIN_HASH_KEY_PREVIOUS {previous.id}"
    return (
        f"reporters in the counts are hashed with a key that is not given. Needed: {listed}; given: {given}. "
        "Set TOCSIN_HASH_KEY_PREVIOUS to the key used before, or TOCSIN_HASH_KEY if it was changed by "
        "mistake. If the key is lost, reset the state of reports: see docs/operations-state.md, 'The key for "
        "reporters'"
    )
