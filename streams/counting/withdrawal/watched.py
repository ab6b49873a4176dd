"""What reporters who were warned have added to a channel, so that a pause can take out exactly that.

Only they can be paused, so nothing is kept of anybody else.
"""

from typing import Final

import msgspec

from streams.contract.events.report import Category
from streams.contract.wire.times import DAY
from streams.counting.store import DAYS_HELD
from streams.counting.windows import FINE_MS
from streams.counting.withdrawal.additions import Addition, Sightings

# Each of them was warned by a person. Whom a channel has noted longest ago is forgotten first, and what they
# have added stays.
MOST_REPORTERS: Final = 64
# Reports of one reporter in a category of a channel; some 20 bytes each. With 30 that weigh a day, they are
# those of more than a week of reporting nothing else.
MOST_ADDITIONS: Final = 256

_FINE_HELD: Final = DAYS_HELD * DAY // FINE_MS


class Watched(msgspec.Struct, array_like=True):
    """What one reporter has `added` in a category, and how the counts knew them `before`."""

    before: Sightings
    added: list[Addition]


class WatchedReports(msgspec.Struct, array_like=True):
    """What was added to one channel, by hash of the reporter and category."""

    reporters: dict[int, dict[Category, Watched]] = msgspec.field(default_factory=dict)

    def note(self, reporter: int, category: Category, before: Sightings, addition: Addition) -> None:
        """Note what a report has added; `before` is what the counts knew of its reporter without it."""
        categories = self.reporters.pop(reporter, None) or {}
        self.reporters[reporter] = categories
        if len(self.reporters) > MOST_REPORTERS:
            del self.reporters[next(iter(self.reporters))]
        known = categories.get(category)
        if known is not None:
            held = addition.pane.start - _FINE_HELD
            known.added = [one for one in known.added if one.pane.start > held]
        if known is None or not known.added:
            known = categories[category] = Watched(before, [])
        known.added.append(addition)
        del known.added[:-MOST_ADDITIONS]

    def rename(self, before: int, after: int) -> None:
        """Give a reporter the hash under another key, under which reports may be known already."""
        for category, watched in self.reporters.pop(before, {}).items():
            categories = self.reporters.setdefault(after, {})
            later = categories.get(category)
            if later is not None:
                watched.added += later.added
            categories[category] = watched

    def take(self, reporter: int) -> dict[Category, Watched]:
        """Return what a reporter has added, and forget it."""
        return self.reporters.pop(reporter, {})

    def turn_back(self, now_ms: int) -> bool:
        """Forget what was added after `now_ms`, to which time was set back, as counts do.

        Returns whether there was any.
        """
        last, changed = now_ms // FINE_MS, False
        for reporter, categories in list(self.reporters.items()):
            for category, watched in list(categories.items()):
                kept = [one for one in watched.added if one.pane.start <= last]
                changed |= len(kept) < len(watched.added)
                watched.added = kept
                if not kept:
                    del categories[category]
            if not categories:
                del self.reporters[reporter]
        return changed


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(WatchedReports).decode


def encode_watched(watched: WatchedReports) -> bytes:
    """Return the record as bytes."""
    return _encode(watched)


def decode_watched(data: bytes | memoryview) -> WatchedReports:
    """Decode the bytes of `encode_watched`. Raises msgspec.DecodeError for damaged bytes."""
    return _decode(data)
