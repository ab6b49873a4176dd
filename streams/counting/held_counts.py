"""What is held of one channel and category: its record, and how it moves on in time, and back."""

import struct
from typing import Self

import msgspec

from streams.contract.events.report import Category
from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.counting.panes import Folded, RunningSum, drop_after, drop_before, fold, pane_at
from streams.counting.seen.distinct import LastSeen, next_limit, resample, settle
from streams.counting.seen.earlier import Earlier, flat, pairs
from streams.counting.seen.repeats import RiskCounted, turned_back
from streams.counting.sums import Pane
from streams.counting.tally import Tally, forget_after, forget_before
from streams.counting.voices import VoicePane, Voices
from streams.counting.windows import FINE_MS, RINGS, WindowSpec, earliest_end, held_from

CHANNEL_COUNTS = b"K"
"""State key type of counts. The key is: type, channel ref, NUL, category."""

_LONGEST = len(RINGS) - 1


def category_suffix(category: Category) -> bytes:
    """Return the end of a state key of (channel, category). Refs contain no NUL, so keys are unambiguous."""
    return b"\0" + category.encode()


class _State(msgspec.Struct, array_like=True, gc=False):
    """The persisted form: a MessagePack array, in which small numbers take one byte.

    `reporters` are the hashes as little-endian 64-bit numbers, in the order of the map. `places` holds the
    index of each reporter's pane, one byte each. `earlier` are pairs of a hash and the index of a pane.
    Versions up to 0.2 wrote the first six fields, and voices and repeats where there were any.
    """

    now: int
    limit: int
    panes: list[Pane]
    reporters: bytes
    places: bytes
    messages: Tally
    voices: list[VoicePane] = []
    repeats: RiskCounted = {}
    folded_until: int | msgspec.UnsetType = msgspec.UNSET
    earlier: list[int] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class HeldCounts(msgspec.Struct, gc=False):
    """Panes, distinct reporters and most-reported messages of one channel in one category.

    `_now` and the starts of panes are fine indexes.
    """

    _now: int = 0
    _panes: list[Pane] = []
    # None while empty: an empty dict for each quiet channel would add up.
    _last_seen: LastSeen | None = None
    _messages: Tally | None = None
    _limit: int = next_limit(0)
    _sums: dict[WindowSpec, RunningSum] | None = None
    _voices: Voices | None = None
    _repeats: RiskCounted | None = None
    _earlier: Earlier | None = None
    # Up to this fine index panes were folded that should still be apart: by a version that held fewer, or
    # before time was set back. 0: by none.
    _folded_until: int = 0

    def turn_back(self, now_ms: int) -> bool:
        """Forget what is after the pane of `now_ms`, to which time was set back; False if nothing changed.

        What was already folded into a longer pane that begins before stays: its parts can no longer be told
        apart. Reports counted in such a pane are missing in windows of a finer ring.
        """
        now = now_ms // FINE_MS
        # A step that was taken at the wrong time may have moved the sums on without a report.
        self._sums = None
        if self._now <= now:
            return False
        self._folded_until = max(self._folded_until, self._now)
        self._now = now
        last_seen = self._last_seen
        if last_seen:
            settle(last_seen, self._panes)
            self._last_seen = {reporter: seen for reporter, seen in last_seen.items() if seen <= now}
        drop_after(self._panes, now)
        if self._earlier is not None:
            self._earlier.keep_until(now)
            self._earlier.settle(self._last_seen or {}, self._panes)
        if self._voices is not None:
            self._voices.keep(0, now)
        if self._messages:
            forget_after(self._messages, now)
        if self._voices is not None:
            self._repeats = turned_back(self._repeats, last_seen or {}, now)
        return True

    def newest_pane_ms(self) -> int | None:
        """Return when (ms) the newest pane begins; None if nothing is counted."""
        return self._panes[-1].start * FINE_MS if self._panes else None

    def encode(self) -> bytes:
        """Return the state as bytes, beginning with the version."""
        panes = self._panes
        last_seen = self._last_seen
        reporters = places = b""
        if last_seen:
            reporters = struct.pack(f"<{len(last_seen)}Q", *last_seen)
            places = bytes(len(last_seen)) if len(panes) == 1 else _places(last_seen, panes)
        state = _State(
            self._now,
            self._limit,
            panes,
            reporters,
            places,
            self._messages or {},
            [] if self._voices is None else self._voices.rows(),
            self._repeats or {},
            self._folded_until,
            [] if self._earlier is None else flat(self._earlier, panes),
        )
        return STATE_VERSION + _encode(state)

    @classmethod
    def decode(cls, data: bytes | memoryview) -> Self:
        """Decode the bytes of `encode`.

        Raises UnknownStateVersion, or msgspec.DecodeError for damaged bytes.
        """
        require_version(CHANNEL_COUNTS, data)
        state = _decode(memoryview(data)[1:])
        counts = cls()
        counts._now = state.now
        counts._limit = state.limit
        counts._panes = state.panes
        if state.reporters:
            reporters = struct.unpack(f"<{len(state.reporters) // 8}Q", state.reporters)
            starts = [pane.start for pane in state.panes]
            counts._last_seen = dict(zip(reporters, map(starts.__getitem__, state.places), strict=True))
        if state.messages:
            counts._messages = state.messages
        if state.voices:
            counts._voices = Voices(state.voices)
        if state.repeats:
            counts._repeats = state.repeats
        if state.folded_until is msgspec.UNSET:
            counts._folded_until = state.now
        else:
            counts._folded_until = state.folded_until
        if state.earlier:
            counts._earlier = pairs(state.earlier, state.panes)
        return counts

    def _held(self, fine: int) -> Pane | None:
        """Return the pane in which what happened at a fine index is counted; None if it was dropped."""
        panes = self._panes
        return pane_at(panes, fine) if panes and panes[0].start <= fine else None

    def _move_on(self, now: int) -> None:
        """Move panes, sums, reporters and messages on to the pane of `now`."""
        panes = self._panes
        # Before folding: afterwards the panes that leave a window can no longer be told apart.
        for total in self._sums.values() if self._sums else ():
            if now >= total.until:
                total.slide(panes, now)
        before, self._now = self._now, now
        if (not panes or panes[0].start >= held_from(0, now)) and self._limit == next_limit(0):
            # The usual case: the finest ring holds everything, so nothing is folded or forgotten.
            return
        folded = fold(panes, before, now)
        if folded is not None:
            self._follow(folded, now)
        if self._earlier is not None:
            reach = earliest_end(now)
            if reach != earliest_end(before):
                self._earlier.forget_before(reach, self._last_seen or {})
        horizon = held_from(_LONGEST, now)
        if horizon != held_from(_LONGEST, before):
            self._forget_before(horizon)

    def _follow(self, folded: Folded, now: int) -> None:
        """Let all that knows of panes follow those that were folded until the fine index `now`."""
        panes = self._panes
        if folded.uneven:
            self._last_seen = resample(self._last_seen or {}, panes)
            self._sums = None
        if self._earlier is not None:
            last_seen = self._last_seen or {}
            if folded.uneven:
                self._earlier.settle(last_seen, panes)
            else:
                self._earlier.settle(last_seen, panes, folded.start, held_from(0, now))
        if self._voices is not None:
            self._voices.settle(panes)

    def _forget_before(self, horizon: int) -> None:
        """Drop everything older than the fine index `horizon`, which no ring holds any more."""
        drop_before(self._panes, horizon)
        if self._voices is not None:
            self._voices.keep(horizon, self._now)
        if self._messages:
            forget_before(self._messages, horizon)
        if self._last_seen:
            left = {reporter: seen for reporter, seen in self._last_seen.items() if seen >= horizon}
            self._last_seen = left
            self._limit = min(self._limit, next_limit(len(left)))
            if self._repeats:
                self._repeats = {reporter: at for reporter, at in self._repeats.items() if reporter in left}
            if self._earlier is not None:
                self._earlier.settle(left, self._panes)


def _places(last_seen: LastSeen, panes: list[Pane]) -> bytes:
    """Return the index of each reporter's pane, one byte each."""
    index = {pane.start: place for place, pane in enumerate(panes)}
    try:
        return bytes(map(index.__getitem__, last_seen.values()))
    except KeyError:
        # A pane was folded since. Settling changes no measure; it saves the next encoding the same work.
        settle(last_seen, panes)
        return bytes(map(index.__getitem__, last_seen.values()))
