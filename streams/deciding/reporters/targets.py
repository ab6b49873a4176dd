"""What a reporter reported that was not upheld: the signature, and the targets that are still open.

A target is open for a week. It enters the signature at once if it is dismissed, and leaves it again if it is
upheld, late or on appeal; then it does not enter any more, unless it is dismissed. Without a decision it
enters 24 hours after the report, unless the reporter is a member of the channel: whole communities report
what is wrong in their channel, and look like a brigade until two people have decided. What one person
dismissed enters for others than members only: somebody who errs or is captured would turn whole communities
into brigades. After that week, or when there
are too many, what has entered is merged into the signature of the week in which it was reported. Two weeks
(UTC, from the epoch) are kept: the current and the previous one.
"""

from typing import Final

import msgspec

from streams.counting.coordination.signature import EMPTY, enter, from_bytes, merge, to_bytes

_HOUR_S: Final = 3_600
WAIT_S: Final = 24 * _HOUR_S
WEEK_S: Final = 7 * 24 * _HOUR_S

# Eight bytes each. More than 32 reports in a week are rare; the oldest is then merged early, and can no
# longer leave.
MOST_OPEN: Final = 32

# A target is known by its lowest 32 bits, of which a signature uses 24: among 32 targets of one reporter two
# agree by chance once in ten million.
_TARGET: Final = 0xFFFFFFFF
# Above it: whether it enters without a decision, then the time.
_ENTERS: Final = 1 << 32
_TIME_BITS: Final = 33
_ENTRY: Final = _ENTERS | _TARGET


class Targets(msgspec.Struct, array_like=True, gc=False):
    """`open` has a number per target, oldest first: reported (s), enters undecided, bits.

    Those in `entered` were dismissed.
    `week` is the week of `current`, the signature of what left `open`; `previous` is that of the week before.
    """

    week: int = 0
    current: bytes = b""
    previous: bytes = b""
    open: tuple[int, ...] = ()
    entered: tuple[int, ...] = ()

    def report(self, now_s: int, received_s: int, target: int, *, member: bool) -> None:
        """Note a report. Reporting the same target again changes nothing."""
        self.move_on(now_s)
        bits = target & _TARGET
        for entry in self.open:
            if entry & _TARGET == bits:
                return
        self._insert(received_s, bits if member else bits | _ENTERS)

    def decide(self, now_s: int, received_s: int, target: int, *, dismissed: bool, sure: bool = True) -> None:
        """Note that a target was dismissed, or else was upheld or lost its decision.

        What is not `sure` was dismissed by one person.
        """
        self.move_on(now_s)
        bits = target & _TARGET
        if dismissed and not sure and bits | _ENTERS not in [entry & _ENTRY for entry in self.open]:
            return
        self.open = tuple([entry for entry in self.open if entry & _TARGET != bits])
        self.entered = tuple([entry for entry in self.entered if entry != bits])
        if received_s <= now_s - WEEK_S:
            return
        if dismissed:
            self.entered += (bits,)
        # Also for upheld messages: a reporter who repeats the report has still reported it once, and it does
        # not enter.
        self._insert(received_s, bits)

    def signature(self, now_s: int) -> int:
        """Return the signature as of `now_s`, to which `move_on` has moved."""
        found = EMPTY
        if self.current or self.previous:
            found = merge(from_bytes(self.current), from_bytes(self.previous))
        before = (now_s - WAIT_S) << _TIME_BITS
        for entry in self.open:
            if entry >= before:
                # They are in the order of time.
                break
            if entry & _ENTERS:
                found = enter(found, entry & _TARGET)
        if self.entered:
            for bits in {entry & _TARGET for entry in self.open}.intersection(self.entered):
                found = enter(found, bits)
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
        oldest, self.open = self.open[0], self.open[1:]
        self._turn(now_s // WEEK_S)
        bits = oldest & _TARGET
        if bits in self.entered:
            self.entered = tuple([entry for entry in self.entered if entry != bits])
        elif not oldest & _ENTERS:
            return
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
