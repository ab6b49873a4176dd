"""A detector, a list, or a narrower source in it, as the home of the whole keeps it.

The whole is a reporter too (reporter.py), whose outcomes are those of all its parts.
"""

from typing import Final

import msgspec

from streams.contract.wire.times import DAY
from streams.counting.record_store import RecordStore
from streams.deciding.partition.stores import MakeRecordStore
from streams.deciding.reporters.reporter import OutcomeFacts
from streams.deciding.reporters.store import QUIET_DAYS, SILENT_DAYS
from streams.deciding.reporters.tally import PERIOD_DAYS, Sums, change, code_of, include, move_back, move_on
from streams.deciding.reporters.trust import Trust, trust_of_part
from streams.deciding.reporters.watch import Watch
from streams.registry.reporter_rules import ReporterRules

PART: Final = b"F"
"""State key type of a part of a source, or of the whole.

The key is: type, the hash of the source (8 bytes, big-endian), the hash of the part (8 bytes).
"""
WHOLE: Final = 0
"""In place of the hash of a part."""

# A list has some entries that match often and very many that match once, so only what a batch has changed is
# kept as objects.
_GENERATION: Final = 1


class Part(msgspec.Struct, array_like=True, gc=False):
    """The outcomes of a part as of `period` (tally.py), none of the whole; and how much it finds.

    `counted_day` is the last one on which an outcome of the part counted for the watch over the one above.
    """

    period: int = 0
    sums: Sums = msgspec.field(default_factory=dict)
    watch: Watch = msgspec.field(default_factory=Watch)
    counted_day: int = 0

    def trust(self, rules: ReporterRules, above: Trust, now_ms: int, category: int) -> Trust:
        """Return the trust in its findings of a category (its code); `above` is that of the source above."""
        day = now_ms // DAY
        self._move_on(day // PERIOD_DAYS)
        return trust_of_part(rules, above, self.sums, self.period, day, category)

    def credit(self, now_ms: int, removed: OutcomeFacts | None, added: OutcomeFacts | None) -> None:
        """Apply a change of the outcome of one of its findings, as Reporter.credit does."""
        changes = [(outcome, sign) for outcome, sign in ((removed, -1), (added, 1)) if outcome is not None]
        self._move_on(max(now_ms // DAY, *(outcome.day for outcome, _ in changes), 0) // PERIOD_DAYS)
        for outcome, sign in changes:
            code = code_of(outcome.category, outcome.verdict)
            change(self.sums, self.period, code, outcome.day, sign * outcome.percent)

    def include(self, earlier: "Part") -> None:
        """Add what was known at an earlier home of the source."""
        period = max(self.period, earlier.period)
        self._move_on(period)
        include(self.sums, move_on(earlier.sums, earlier.period, period))
        self.watch.include(earlier.watch)

    def turn_back(self, now_ms: int) -> bool:
        """Bring all back to `now_ms`, to which time was set back; return whether anything changed."""
        changed = self.watch.turn_back(now_ms)
        period = now_ms // DAY // PERIOD_DAYS
        if self.period > period:
            self.sums = move_back(self.sums, self.period, period)
            self.period = period
            changed = True
        return changed

    def _move_on(self, period: int) -> None:
        if period > self.period:
            self.sums = move_on(self.sums, self.period, period)
            self.period = period


_encode_stored = msgspec.msgpack.Encoder().encode
decode_part = msgspec.msgpack.Decoder(Part).decode
"""Decode the bytes of `encode_part`. Raises msgspec.DecodeError for damaged bytes."""


def encode_part(part: Part) -> bytes:
    """Return a part as bytes. Equal ones give equal bytes."""
    return _encode_stored((part.period, dict(sorted(part.sums.items())), part.watch, part.counted_day))


PartStore = RecordStore[Part]
"""The parts of sources by state key."""


def part_store(records: MakeRecordStore) -> PartStore:
    """Return an empty store."""
    return records(encode_part, decode_part, _GENERATION)


def keep_part(store: PartStore, key: bytes, part: Part, now_ms: int) -> None:
    """Store a part, found or new, that reported or was credited at `now_ms`, the partition's time."""
    days = SILENT_DAYS if part.sums or part.watch.held else QUIET_DAYS
    store.put(key, part, (now_ms // DAY + days) * DAY)


def turn_back_parts(store: PartStore, now_ms: int) -> None:
    """Bring every part back to `now_ms`, to which time was set back."""
    for key in sorted(store):
        part = store.find(key)
        assert part is not None
        if part.turn_back(now_ms):
            keep_part(store, key, part, now_ms)


def part_key(source_key: bytes, part: int) -> bytes:
    """Return the state key of a part of the source with the state key `source_key` (of its reporter)."""
    return PART + source_key[1:] + part.to_bytes(8, "big")
