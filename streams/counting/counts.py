"""Counts of one channel and category: what reports add, and what windows measure."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable

from streams.counting.held_counts import HeldCounts
from streams.counting.panes import START, RunningSum, find_or_insert, pane_at
from streams.counting.seen.distinct import LastSeen, in_sample, next_limit, rename, see, thin_out
from streams.counting.seen.earlier import Earlier
from streams.counting.seen.repeats import with_repeat
from streams.counting.sums import NOT_STAMPED, Pane, StampedSums, WindowCounts
from streams.counting.tally import most_reported, tally_message
from streams.counting.voices import Voices
from streams.counting.windows import (
    FINE_MS,
    RINGS,
    WindowSpec,
    last_ended_stop,
    latest_start,
    pane_start,
    window_start,
    window_stop,
)
from streams.counting.withdrawal.additions import Addition, PaneSums, Sightings

# Most channels are quiet. Summing up to three panes costs about as much as keeping their sums, which would
# take more memory than the counts.
_FEW_PANES = 3


class ChannelCounts(HeldCounts, gc=False):
    """Counts of one channel in one category.

    Times are in ms since the epoch. `now_ms` must not be before the report's own time, and must never go back
    but with `turn_back`. The encoded bytes depend on the sequence of `add` calls alone.
    """

    def add(
        self,
        occurred_ms: int,
        now_ms: int,
        reporter_kind: str,
        reporter_hash: int | None,
        risk_millionths: int,
        message_ref: str | None,
        tier: int = 0,
    ) -> bool:
        """Count a report in the pane that still holds its time; return False, counting nothing, if none does.

        `reporter_hash` is a uniform 64-bit hash of the reporter's pseudonym, None without one. A report
        without a reporter has the kind `anonymous`. `tier` is higher the more protection the report's
        jurisdictions call for.
        """
        # Seven parameters instead of a record: building one per report would cost more than counting it.
        fine = occurred_ms // FINE_MS
        now = now_ms // FINE_MS
        if now != self._now:
            self._move_on(now)
        panes = self._panes
        if panes and panes[-1].start == fine:
            pane = panes[-1]
        else:
            start = pane_start(fine, now)
            if start is None:
                return False
            pane = find_or_insert(panes, start)
        pane.count(reporter_kind, reporter_hash, risk_millionths)
        pane.tier = max(pane.tier, tier)
        left: Pane | None = pane
        if reporter_hash is not None:
            left = self._see(pane, reporter_hash)
        if self._sums:
            self._count_in_sums(pane, left, reporter_kind, reporter_hash, risk_millionths)
        if left is None and self._last_seen and len(self._last_seen) > self._limit:
            self._last_seen = thin_out(self._last_seen, panes)
            self._limit = next_limit(len(self._last_seen))
            self._sums = None
            if self._earlier is not None:
                self._earlier.settle(self._last_seen, panes)
        if message_ref is not None:
            if self._messages is None:
                self._messages = {}
            tally_message(self._messages, message_ref, fine)
        return True

    def add_for_review(self, occurred_ms: int, now_ms: int, tier: int = 0) -> bool:
        """Count a report as a report and nothing else: no risk, no reporter, no message; otherwise as `add`.

        For one without weight, in a category in which every report is reviewed.
        """
        fine, now = occurred_ms // FINE_MS, now_ms // FINE_MS
        if now != self._now:
            self._move_on(now)
        start = pane_start(fine, now)
        if start is None:
            return False
        pane = find_or_insert(self._panes, start)
        pane.reports += 1
        pane.tier = max(pane.tier, tier)
        self._sums = None
        return True

    def at(self, occurred_ms: int, now_ms: int) -> PaneSums:
        """Return the sums of the pane in which a report of `occurred_ms` is counted at `now_ms`."""
        fine, now = occurred_ms // FINE_MS, now_ms // FINE_MS
        if now != self._now:
            self._move_on(now)
        sums, start = Pane(fine), pane_start(fine, now)
        pane = None if start is None else self._held(fine)
        if pane is None or pane.start != start:
            return PaneSums(sums, NOT_STAMPED)
        sums += pane
        return PaneSums(sums, NOT_STAMPED if self._voices is None else self._voices.at(pane.start))

    def sightings(self, reporter_hash: int) -> Sightings:
        """Return what is known of a reporter before a report of theirs, for `withdraw`."""
        earlier = [] if self._earlier is None else self._earlier.panes_of(reporter_hash)
        seen = None if self._last_seen is None else self._last_seen.get(reporter_hash)
        # The pane may have been folded since: what is known after a restart is where it begins.
        panes = earlier if seen is None else [*earlier, pane_at(self._panes, seen).start]
        return Sightings(
            tuple(sorted(panes)), None if self._repeats is None else self._repeats.get(reporter_hash)
        )

    def withdraw(self, reporter_hash: int, before: Sightings, added: Iterable[Addition]) -> None:
        """Take out what a reporter's reports have added, as if only those `before` them had been counted.

        What no pane holds any more is left out; a reporter who is not in the sample was not counted as one.
        Protection and the tally of messages stay: they only decide who looks, and at what.
        """
        self._sums = None
        for one in added:
            pane = self._held(one.pane.start)
            if pane is not None:
                pane -= one.pane
                if self._voices is not None:
                    self._voices.withdraw(pane.start, one.stamped)
        last_seen = self._last_seen
        if last_seen is not None and (seen := last_seen.pop(reporter_hash, None)) is not None:
            pane_at(self._panes, seen).kept -= 1
            if self._earlier is not None:
                self._earlier.forget(reporter_hash)
            self._see_again(last_seen, reporter_hash, before.panes)
        self.note_risk(reporter_hash, before.risk_counted_at)

    def _see_again(self, last_seen: LastSeen, reporter_hash: int, seen: Iterable[int]) -> None:
        held = {pane.start: pane for pane in map(self._held, seen) if pane is not None}
        places = [start for start, pane in held.items() if in_sample(reporter_hash, pane.weight)]
        if places:
            *earlier, last = sorted(places)
            last_seen[reporter_hash] = last
            held[last].kept += 1
            for start in earlier:
                self._note_earlier(held[start], reporter_hash)

    def add_stamped(self, occurred_ms: int, added: StampedSums) -> None:
        """Add what a report with a stamp, or without a reporter, adds beside, after `add` has counted it."""
        fine = occurred_ms // FINE_MS
        start = fine if self._panes[-1].start == fine else pane_start(fine, self._now)
        assert start is not None
        if self._voices is None:
            self._voices = Voices()
        self._voices.add(start, added)

    def risk_counted_at(self, reporter_hash: int) -> int | None:
        """Return the pane (fine index) in which a reporter's risk last counted; None if none or unknown."""
        if self._repeats and (at := self._repeats.get(reporter_hash)) is not None:
            return at
        seen = None if self._last_seen is None else self._last_seen.get(reporter_hash)
        return None if seen is None else pane_at(self._panes, seen).start

    def note_risk(self, reporter_hash: int, counted_at: int | None) -> None:
        """Note in which pane a reporter's risk last counted; None: in that of the report added next."""
        self._repeats = with_repeat(self._repeats, reporter_hash, counted_at)

    def measure(self, spec: WindowSpec, now_ms: int) -> WindowCounts:
        """Return the counts of the window that ends with the pane of `now_ms`, whatever came later."""
        now = now_ms // FINE_MS
        if now < self._now:
            return self._measure_past(spec, now)
        panes = self._panes
        total = self._sums.get(spec) if self._sums is not None else None
        if total is None:
            if len(panes) <= _FEW_PANES:
                start = window_start(spec.ring, spec.panes, now)
                stamped = NOT_STAMPED if self._voices is None else self._voices.since(start)
                return WindowCounts.of(panes, start, stamped)
            total = RunningSum.of(panes, spec, now)
            if self._sums is None:
                self._sums = {}
            self._sums[spec] = total
        elif now >= total.until:
            total.slide(panes, now)
        elif now < total.since:
            # They moved on without a report.
            return self._measure_past(spec, now)
        stamped = NOT_STAMPED if self._voices is None else self._voices.since(total.start)
        return WindowCounts.of_one(total, total.distinct, stamped)

    def messages(self, spec: WindowSpec, now_ms: int) -> list[tuple[str, int]]:
        """Return the tallied messages reported in the window, with their counts, most reported first.

        There are at most 32. A count covers the whole time that the message has been in the tally, not only
        the window; see tally.py for the error.
        """
        return most_reported(self._messages or {}, spec, now_ms // FINE_MS)

    def tier(self, spec: WindowSpec, now_ms: int) -> int:
        """Return the highest tier among the reports of the window ending with the pane of `now_ms`, or 0."""
        start = window_start(spec.ring, spec.panes, now_ms // FINE_MS)
        return max((pane.tier for pane in self._panes if pane.start >= start), default=0)

    def sample(self, start: int, stop: int) -> tuple[Collection[int], int]:
        """Return the sampled reporters seen from the fine index `start` on and before `stop`.

        And the largest weight of the panes between: there must be one.
        """
        first = bisect_left(self._panes, start, key=START)
        last_seen = self._last_seen or {}
        reporters = {reporter for reporter, seen in last_seen.items() if start <= seen < stop}
        if self._earlier is not None:
            reporters.update(self._earlier.between(last_seen, start, stop))
        return reporters, self._panes[first].weight

    def is_whole(self, spec: WindowSpec, end_ms: int) -> bool:
        """Return whether the window that ends with the pane of `end_ms` can still be measured exactly."""
        end = end_ms // FINE_MS
        if end < latest_start(spec.ring, self._now):
            return False
        panes = RINGS[spec.ring].panes
        start = window_start(spec.ring, spec.panes, end)
        return not self._folded_until or start >= window_start(spec.ring, panes, self._folded_until)

    def most_reports(self, spec: WindowSpec, occurred_ms: int, now_ms: int) -> int:
        """Return how many reports a window at most has that a report is in and that ended before `now_ms`."""
        fine = occurred_ms // FINE_MS
        start = window_start(spec.ring, spec.panes, fine)
        stop = last_ended_stop(spec, fine, now_ms // FINE_MS)
        panes = self._panes
        # Its reports may have been folded into a longer pane that begins before.
        first = max(bisect_right(panes, start, key=START) - 1, 0)
        return sum([pane.reports for pane in panes[first : bisect_left(panes, stop, key=START)]])

    def later_ends(self, spec: WindowSpec, occurred_ms: int, now_ms: int) -> list[int]:
        """Return when (ms) the windows end that a report is in and that ended before the pane of `now_ms`.

        Only those that end with a pane that has reports: the others hold no more than these.
        """
        fine = occurred_ms // FINE_MS
        start, stop = window_start(spec.ring, 1, fine), last_ended_stop(spec, fine, now_ms // FINE_MS)
        first = bisect_left(self._panes, start, key=START)
        held = (pane.start for pane in self._panes[first:] if pane.start < stop)
        return [end * FINE_MS for end in dict.fromkeys(window_start(spec.ring, 1, start) for start in held)]

    def rename_reporter(self, before: int, after: int) -> bool:
        """Give a reporter the hash under another key; return False if none has the hash `before`."""
        if not self._last_seen or before not in self._last_seen:
            return False
        if self._repeats is not None and (at := self._repeats.pop(before, None)) is not None:
            self._repeats[after] = at
        if self._earlier is not None:
            self._earlier.rename(before, after)
        if not rename(self._last_seen, self._panes, before, after):
            self._sums = None
            if self._earlier is not None:
                self._earlier.settle(self._last_seen, self._panes)
        return True

    def _measure_past(self, spec: WindowSpec, end: int) -> WindowCounts:
        """Measure a window that was left since. The running sums only move on, so they are of no use here."""
        start, stop = window_start(spec.ring, spec.panes, end), window_stop(spec.ring, end)
        panes = self._panes
        held = panes[bisect_left(panes, start, key=START) : bisect_left(panes, stop, key=START)]
        stamped = NOT_STAMPED if self._voices is None else self._voices.of(held)
        again = 0
        if self._earlier is not None and self._last_seen:
            for seen in self._earlier.between(self._last_seen, start, stop).values():
                again += pane_at(held, seen).weight
        return WindowCounts.of(held, start, stamped, again)

    def _see(self, pane: Pane, reporter_hash: int) -> Pane | None:
        if self._last_seen is None:
            self._last_seen = {}
        panes = self._panes
        left = see(self._last_seen, panes, pane, reporter_hash)
        if left is None or panes[0] is panes[-1]:
            return left
        if left is not pane:
            self._note_earlier(left, reporter_hash)
        elif pane is not panes[-1]:
            # Seen in this pane before, or in a later one, or not in the sample.
            seen = self._last_seen.get(reporter_hash)
            if (
                seen is not None
                and pane_at(panes, seen) is not pane
                and in_sample(reporter_hash, pane.weight)
            ):
                self._note_earlier(pane, reporter_hash)
        return left

    def _note_earlier(self, pane: Pane, reporter_hash: int) -> None:
        if self._earlier is None:
            self._earlier = Earlier()
        self._earlier.note(pane.start, reporter_hash)

    def _count_in_sums(
        self, pane: Pane, left: Pane | None, reporter_kind: str, reporter_hash: int | None, risk: int
    ) -> None:
        """Add a report that was counted in `pane` to the running sums; `left` is the result of `see`."""
        for total in self._sums.values() if self._sums else ():
            if total.start <= pane.start:
                total.count(reporter_kind, reporter_hash, risk)
                if left is not pane:
                    total.move(left, pane)
