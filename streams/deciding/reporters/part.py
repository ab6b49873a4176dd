"""A narrower source of a detector or list, as the home of the whole keeps it: its outcomes.

The whole is a reporter (reporter.py) whose outcomes are those of all its parts.
"""

from typing import Final, NamedTuple

import msgspec

from streams.contract.wire.times import DAY
from streams.counting.record_store import RecordStore
from streams.deciding.reporters.reporter import OutcomeFacts
from streams.deciding.reporters.store import QUIET_DAYS, SILENT_DAYS
from streams.deciding.reporters.tally import PERIOD_DAYS, Sums, change, code_of, move_back, move_on
from streams.deciding.reporters.trust import Trust, trust_of_part
from streams.registry.reporter_rules import ReporterRules

PART: Final = b"F"
"""State key type of a part of a source.

The key is: type, the hash of the source (8 bytes, big-endian), the hash of the part (8 bytes).
"""

# A list has some entries that match often and very many that match once, so only what a batch has changed is
# kept as objects.
_GENERATION: Final = 1


class PartHistory(NamedTuple):
    """The outcomes of a part as of `period`, on their way to the source's new home."""

    period: int
    sums: Sums


class Part(msgspec.Struct, array_like=True, gc=False):
    """The outcomes of a part as of `period` (tally.py)."""

    period: int = 0
    sums: Sums = msgspec.field(default_factory=dict)

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

    def take_history(self, history: PartHistory) -> None:
        """Add the outcomes that were known at an earlier home of the source."""
        period = max(self.period, history.period)
        self._move_on(period)
        for code, value in move_on(history.sums, history.period, period).items():
            total = self.sums.pop(code, 0) + value
            if total:
                self.sums[code] = total

    def turn_back(self, now_ms: int) -> bool:
        """Bring the outcomes back to `now_ms`, to which time was set back; return whether any changed."""
        period = now_ms // DAY // PERIOD_DAYS
        if self.period <= period:
            return False
        self.sums = move_back(self.sums, self.period, period)
        self.period = period
        return True

    def _move_on(self, period: int) -> None:
        if period > self.period:
            self.sums = move_on(self.sums, self.period, period)
            self.period = period


_encode_stored = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Part).decode


def _encode(part: Part) -> bytes:
    """Return a part as bytes. Equal ones give equal bytes."""
    return _encode_stored((part.period, dict(sorted(part.sums.items()))))


class PartStore(RecordStore[Part]):
    """The parts of sources by state key."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(_encode, _decode, _GENERATION)

    def keep(self, key: bytes, part: Part, now_ms: int) -> None:
        """Store a part, found or new, that reported or was credited at `now_ms`, the partition's time."""
        days = SILENT_DAYS if part.sums else QUIET_DAYS
        self.put(key, part, (now_ms // DAY + days) * DAY)

    def turn_back(self, now_ms: int) -> None:
        """Bring every part back to `now_ms`, to which time was set back."""
        for key in sorted(self):
            part = self.find(key)
            assert part is not None
            if part.turn_back(now_ms):
                self.keep(key, part, now_ms)


def part_key(source_key: bytes, part: int) -> bytes:
    """Return the state key of a part of the source with the state key `source_key` (of its reporter)."""
    return PART + source_key[1:] + part.to_bytes(8, "big")
