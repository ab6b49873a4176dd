"""What a reporter reported that was not upheld: the signature, and the targets that are still open.

A target is open for a week. It enters the signature 24 hours after the report if nothing was decided by then, at once if it
was dismissed, and leaves it again if it is upheld, late or on appeal. After that week, or when there are too many, it
is merged into the signature of the week in which it was reported. Two weeks (UTC, from the epoch) are kept: the current and
the previous one.
"""

from typing import Final

import msgspec

from streams.coordination.signature import enter, from_bytes, merge, to_bytes

_HOUR_S: Final = 3_600
WAIT_S: Final = 24 * _HOUR_S
WEEK_S: Final = 7 * 24 * _HOUR_S

# Eight bytes each. More than 32 reports in a week are rare; the oldest is then merged early, and can no longer leave.
MOST_OPEN: Final = 32

# A target is known by its lowest 32 bits, of which a signature uses 24: among 32 targets of one reporter two agree
# by chance once in ten million.
_TARGET: Final = 0xFFFFFFFF
_TIME_BITS: Final = 32


class Targets(msgspec.Struct, array_like=True, gc=False):
    """`open` has a number per target: reported (s) and the target's bits, oldest first. Those in `entered` count already.

    `week` is the week of `current`, the signature of what left `open`; `previous` is that of the week before.
    """

    week: int = 0
    current: bytes = b""
    previous: bytes = b""
    open: tuple[int, ...] = ()
    entered: tuple[int, ...] = ()

    def report(self, now_s: int, received_s: int, target: int) -> None:
        """Note a report. Reporting the same target again changes nothing."""
        self.move_on(now_s)
        bits = target & _TARGET
        if any(entry & _TARGET == bits for entry in self.open):
            return
        self._insert(received_s, bits)

    def decide(self, now_s: int, received_s: int, target: int, *, upheld: bool | None) -> None:
        """Note what was decided about a target. None: a decision was taken back and none is left."""
        self.move_on(now_s)
        bits = target & _TARGET
        self.open = tuple(entry for entry in self.open if entry & _TARGET != bits)
        self.entered = tuple(entry for entry in self.entered if entry != bits)
        if upheld or received_s <= now_s - WEEK_S:
            return
        if upheld is False:
            self.entered += (bits,)
        self._insert(received_s, bits)

    def signature(self, now_s: int) -> int:
        """Return the signature as of `now_s`, to which `move_on` has moved."""
        found = merge(from_bytes(self.current), from_bytes(self.previous))
        before = (now_s - WAIT_S) << _TIME_BITS
        for entry in self.open:
            if entry < before or entry & _TARGET in self.entered:
                found = enter(found, entry & _TARGET)
        return found

    def move_on(self, now_s: int) -> None:
        """Merge what has been open for a week, and forget the signature of the week before last."""
        before = (now_s - WEEK_S) << _TIME_BITS
        while self.open and self.open[0] < before:
            self._merge_oldest(now_s)
        self._turn(now_s // WEEK_S)

    def _insert(self, received_s: int, bits: int) -> None:
        self.open = tuple(sorted((*self.open, received_s << _TIME_BITS | bits)))
        if len(self.open) > MOST_OPEN:
            self._merge_oldest(self.open[-1] >> _TIME_BITS)

    def _merge_oldest(self, now_s: int) -> None:
        oldest, *_ = self.open
        self.open = self.open[1:]
        bits = oldest & _TARGET
        self.entered = tuple(entry for entry in self.entered if entry != bits)
        self._turn(now_s // WEEK_S)
        week = (oldest >> _TIME_BITS) // WEEK_S
        if week == self.week:
            self.current = to_bytes(enter(from_bytes(self.current), bits))
        elif week == self.week - 1:
            self.previous = to_bytes(enter(from_bytes(self.previous), bits))

    def _turn(self, week: int) -> None:
        if week > self.week:
            self.previous = self.current if week == self.week + 1 else b""
            self.current = b""
            self.week = week
